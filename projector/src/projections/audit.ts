import type { ConversationEvent, ConversationEventType, EventOf } from '@parley/contracts';
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
    const { authorId } = event.data;
    if (authorId !== undefined && authorId !== event.actor) noteData(event, place);
  },
  'message.pinned': noteData,
  'message.unpinned': noteData,
  'messages.expired': noteData,
};

function noteData<T extends ConversationEventType>(event: EventOf<T>, place: Place): void {
  note(event, event.data, place);
}

function note(
  { version = 0, time, actor, type }: Pick<ConversationEvent, 'version' | 'time' | 'actor' | 'type'>,
  details: object,
  { changes, sequence }: Place,
): void {
  changes.audit.push({ version, sequence, at: time, actor, type, details: JSON.stringify(details) });
}

function summaryOf(userIds: readonly string[]) {
  return { userIds: userIds.slice(0, MOST_USER_IDS), count: userIds.length };
}
