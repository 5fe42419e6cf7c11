import type { ConversationEvent, ConversationEventType, EventOf } from '@parley/contracts';
import { isGone } from './changes.ts';
import type { Folds, Place } from './fold.ts';

/** More ids than this are told by their number. */
const MOST_USER_IDS = 100;

/** One row per event that somebody may be asked about later, with its details as they happened. */
export const auditFolds: Folds = {
  'conversation.created': (event, place) => {
    const { type, title, description, settings, audience, members } = event.data;
    const details = { type, title, description, settings, audience: audience?.kind, members: members.length };
    note(event, details, place);
  },
  'conversation.updated': noteData,
  'conversation.archived': noteData,
  'conversation.unarchived': noteData,
  'conversation.deleted': noteData,
  'members.added': (event, place) => {
    const { members, via } = event.data;
    note(event, { ...summaryOf(members.map(({ userId }) => userId)), via }, place);
  },
  'member.left': noteData,
  'members.removed': (event, place) => {
    const { userIds, reason } = event.data;
    note(event, { ...summaryOf(userIds), reason }, place);
  },
  'member.role-changed': noteData,
  'member.banned': noteData,
  'member.unbanned': noteData,
  'member.invited': (event, place) => {
    const { userIds, role, expiresAt } = event.data;
    note(event, { ...summaryOf(userIds), role, expiresAt }, place);
  },
  'invite.declined': noteData,
  'invite.revoked': (event, place) => note(event, summaryOf(event.data.userIds), place),
  'message.deleted': (event, place) => {
    const { authorId, ordinal } = event.data;
    if (authorId === undefined || authorId === event.actor || wasGone(event, place)) return;
    note(event, event.data, place, ordinal);
  },
  'message.pinned': noteData,
  'message.unpinned': noteData,
  'messages.expired': (event, place) => {
    forgetReasons(event.data.throughOrdinal, place);
    noteData(event, place);
  },
};

/** Gone by something else than this event, whose own fold may have been applied to the message by now. */
function wasGone({ data, version }: EventOf<'message.deleted'>, { changes }: Place): boolean {
  return isGone(changes, data.ordinal) && changes.messages.get(data.ordinal)?.version !== version;
}

/** Why a message was deleted may quote it: of what has expired it goes too. */
function forgetReasons(throughOrdinal: number, { changes }: Place): void {
  for (const entry of changes.audit) {
    if (entry.deletedOrdinal === null || entry.deletedOrdinal > throughOrdinal) continue;
    const { reason: _, ...details } = JSON.parse(entry.details);
    entry.details = JSON.stringify(details);
  }
}

function noteData<T extends ConversationEventType>(event: EventOf<T>, place: Place): void {
  note(event, event.data, place);
}

function note(
  { version = 0, time, actor, type }: Pick<ConversationEvent, 'version' | 'time' | 'actor' | 'type'>,
  details: object,
  { changes, sequence }: Place,
  deletedOrdinal: number | null = null,
): void {
  const text = JSON.stringify(details);
  changes.audit.push({ version, sequence, at: time, actor, type, details: text, deletedOrdinal });
}

function summaryOf(userIds: readonly string[]) {
  return { userIds: userIds.slice(0, MOST_USER_IDS), count: userIds.length };
}
