import type { ConversationChanges, MessageChange } from './changes.ts';
import type { ConversationEventType, Folds } from './fold.ts';

/** One row per message. Deleting leaves a tombstone; whatever comes after it for that message is void. */
export const messageFolds: Folds<ConversationEventType> = {
  'conversation.created': 'ignored',
  'members.added': 'ignored',
  'member.left': 'ignored',
  'members.removed': 'ignored',
  'message.sent': (event, { changes, sequence }) => {
    const { data } = event;
    changes.messages.set(data.ordinal, {
      sent: {
        messageId: data.messageId,
        sequence,
        senderId: event.actor,
        sentAt: event.time,
        body: data.body,
        format: data.format,
        replyTo: data.replyTo ?? null,
        metadata: data.metadata === undefined ? null : JSON.stringify(data.metadata),
      },
      edit: null,
      editCount: 0,
      deletion: null,
      version: event.version ?? 0,
    });
  },
  'message.edited': (event, { changes }) => {
    const change = changeOf(changes, event.data.ordinal);
    if (change.deletion) return;
    change.edit = { body: event.data.body, format: event.data.format, at: event.time, by: event.actor };
    change.editCount += 1;
    change.version = event.version ?? change.version;
  },
  'message.deleted': (event, { changes }) => {
    const change = changeOf(changes, event.data.ordinal);
    if (change.deletion) return;
    change.deletion = { at: event.time, by: event.actor, reason: event.data.reason ?? null };
    change.version = event.version ?? change.version;
  },
};

function changeOf(changes: ConversationChanges, ordinal: number): MessageChange {
  let change = changes.messages.get(ordinal);
  if (!change) {
    change = { sent: null, edit: null, editCount: 0, deletion: null, version: 0 };
    changes.messages.set(ordinal, change);
  }
  return change;
}
