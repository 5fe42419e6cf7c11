import { isGone } from './changes.ts';
import type { Folds } from './fold.ts';
import type { MentionsChange } from './message-change.ts';

/** Who is mentioned by name. An edit's mentions replace those before; who stays mentioned keeps the earlier row. */
export const mentionFolds: Folds = {
  'message.sent': ({ data }, { changes, sequence }) => {
    if (data.mentions.users.length === 0) return;
    changes.mentions.set(data.ordinal, {
      replaces: false,
      inThread: data.threadOrdinal !== undefined,
      users: new Map(data.mentions.users.map((userId) => [userId, { sequence, kept: false }])),
    });
  },
  'message.edited': ({ data }, { changes, sequence }) => {
    const { ordinal } = data;
    if (isGone(changes, ordinal)) return;
    const before = changes.mentions.get(ordinal);
    const sentHere = (changes.messages.get(ordinal)?.sent ?? null) !== null;
    const users: MentionsChange['users'] = new Map();
    for (const userId of data.mentions.users) {
      users.set(userId, before?.users.get(userId) ?? { sequence, kept: !before && !sentHere });
    }
    changes.mentions.set(ordinal, { replaces: !sentHere, inThread: data.threadOrdinal !== undefined, users });
  },
};
