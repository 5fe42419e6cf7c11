import {
  type CommitItem,
  type ConversationAnswer,
  type ConversationEvent,
  type ConversationView,
  type EventOf,
  isKnown,
  type MembershipView,
  type Mentions,
  type RecordedEvent,
  type UserEvent,
} from '@parley/contracts';
import { type CursorEntry, factsOf, positionAfter, type Viewer } from './commit-facts.ts';
import { foldConversation, previewOf, withoutPreview } from './conversation-view.ts';
import { foldOwn } from './membership-view.ts';
import {
  expireThrough,
  lowerFloor,
  raiseFloor,
  recentMessage,
  threadsChanged,
  type UnreadCounters,
  unknownUnread,
  unreadCounters,
  unreadNumbers,
  withMention,
  withMessage,
  withoutMessage,
  withThreadReply,
} from './unread-counters.ts';

/** What the events do not determine: ask the read API again. `conversation`: commits are missing, nothing holds. */
export type StaleField = 'unread' | 'mentions' | 'threadUnread' | 'lastMessage' | 'conversation';

/** A conversation that is kept up to date by commits. `answer` is what a fresh snapshot would say, but for `stale`. */
export interface ConversationModel {
  readonly answer: ConversationAnswer;
  readonly stale: readonly StaleField[];
  readonly counters: UnreadCounters;
}

interface Draft {
  view: ConversationView;
  me: MembershipView | null;
  counters: UnreadCounters;
  lastMessageStale: boolean;
  missing: boolean;
  viewer: Viewer;
}

export function conversationModel(answer: ConversationAnswer): ConversationModel {
  return { answer, stale: [], counters: unreadCounters(answer.me, answer.conversation.messageCount) };
}

/** The model after one more commit of the subscription; null when the viewer has no part in the conversation any more. */
export function applyToConversation(
  model: ConversationModel,
  commit: CommitItem,
  viewer: Viewer,
): ConversationModel | null {
  const { conversation: view, me, asOf } = model.answer;
  const facts = factsOf(commit, { conversationId: view.id, version: view.version, asOf });
  if (facts.length === 0) return model;
  const draft: Draft = {
    view,
    me,
    counters: model.counters,
    lastMessageStale: model.stale.includes('lastMessage'),
    missing: model.stale.includes('conversation'),
    viewer,
  };
  for (const fact of facts) {
    if (fact.kind === 'cursor') takeCursor(draft, fact.entry);
    else if (fact.kind === 'own') takeOwn(draft, fact.event);
    else if (fact.again) takeAgain(draft, fact.again);
    else {
      if (fact.version !== draft.view.version + 1) draft.missing = true;
      if (fact.event && endsFor(fact.event, viewer.userId)) return null;
      if (fact.event) takeEvent(draft, fact.event);
      draft.view = { ...draft.view, version: fact.version };
    }
  }
  return finished(draft, positionAfter(asOf, commit.seq));
}

function finished({ view, me, counters, lastMessageStale, missing }: Draft, asOf: string): ConversationModel {
  const stale: StaleField[] = [];
  if (missing) stale.push('conversation');
  if (counters.olderUnread === null) stale.push('unread');
  if (counters.olderMentions === null) stale.push('mentions');
  if (counters.threadUnread === null) stale.push('threadUnread');
  if (lastMessageStale) stale.push('lastMessage');
  const threadUnread = counters.threadUnread ?? me?.threadUnread ?? 0;
  const counted = me && { ...me, ...unreadNumbers(counters), threadUnread };
  return { answer: { asOf, conversation: view, me: counted }, stale, counters };
}

function endsFor(event: ConversationEvent, userId: string): boolean {
  switch (event.type) {
    case 'conversation.deleted':
      return true;
    case 'member.left':
    case 'member.banned':
      return event.data.userId === userId;
    case 'members.removed':
      return event.data.userIds.includes(userId);
    default:
      return false;
  }
}

function takeEvent(draft: Draft, event: ConversationEvent): void {
  const { userId } = draft.viewer;
  draft.view = foldConversation(draft.view, event);
  switch (event.type) {
    case 'conversation.updated':
      // How far back the viewer sees, and so what counts, is the server's to say.
      if (event.data.settings?.historyVisibility !== undefined) {
        draft.counters = { ...unknownUnread(draft.counters), threadUnread: null };
      }
      break;
    case 'members.added':
      // Where the viewer begins to read, and what they follow, is the server's to say.
      if (event.data.members.some((member) => member.userId === userId)) draft.missing = true;
      break;
    case 'member.role-changed':
      if (draft.me && event.data.userId === userId) draft.me = { ...draft.me, role: event.data.to };
      break;
    case 'message.sent':
      takeMessage(draft, event);
      break;
    case 'message.edited':
      takeEdit(draft, event);
      break;
    case 'message.deleted':
      draft.counters =
        event.data.threadOrdinal === undefined
          ? withoutMessage(draft.counters, event.data.ordinal, 'deleted')
          : threadsChanged(draft.counters);
      break;
    case 'messages.expired':
      draft.counters = threadsChanged(expireThrough(draft.counters, event.data.throughOrdinal));
      break;
    case 'cursor.lowered':
      if (event.data.userId === userId) takeLowered(draft, event.data.ordinal);
      break;
  }
}

function takeMessage(draft: Draft, event: EventOf<'message.sent'>): void {
  const { userId } = draft.viewer;
  const { ordinal, threadId, threadOrdinal = 0, threadAuthor, mentions } = event.data;
  const main = threadId === undefined;
  const own = event.actor === userId;
  const isMember = draft.me !== null && draft.me.role !== null;
  const mention = !own && isMember && callsUser(mentions, userId);
  draft.counters = withMessage(draft.counters, { ordinal, main, mention });
  if (main) {
    draft.lastMessageStale = false;
    unarchive(draft);
    if (own) advance(draft, { readOrdinal: ordinal });
  } else if (isMember) {
    const followed = threadAuthor === userId || mentions.users.includes(userId);
    draft.counters = own
      ? threadsChanged(draft.counters)
      : withThreadReply(draft.counters, threadOrdinal, followed);
  }
}

function unarchive(draft: Draft): void {
  if (draft.me?.archived && draft.viewer.unarchiveOnMessage) draft.me = { ...draft.me, archived: false };
}

function callsUser({ users, all, here }: Mentions, userId: string): boolean {
  return all || here || users.includes(userId);
}

function takeEdit(draft: Draft, event: EventOf<'message.edited'>): void {
  const { ordinal, body, mentions, threadOrdinal } = event.data;
  const { userId } = draft.viewer;
  if (threadOrdinal === undefined && event.actor !== userId && draft.me && draft.me.role !== null) {
    draft.counters = withMention(draft.counters, ordinal, callsUser(mentions, userId));
  }
  const { lastMessage } = draft.view;
  if (lastMessage?.ordinal !== ordinal) return;
  const known = recentMessage(draft.counters, ordinal);
  if (known?.hidden) return;
  // A message without a preview may be encrypted, or hidden by the viewer: only one that came by is told apart.
  if (lastMessage.preview === null && !known) draft.lastMessageStale ||= body !== undefined;
  else draft.view = { ...draft.view, lastMessage: { ...lastMessage, preview: previewOf(body) } };
}

/** Only forward. Reading implies delivery, unless it is private. */
function advance(
  draft: Draft,
  to: {
    readOrdinal?: number | undefined;
    deliveredOrdinal?: number | undefined;
    private?: true | undefined;
  },
) {
  if (!draft.me) return;
  const readOrdinal = Math.max(draft.me.readOrdinal, to.readOrdinal ?? 0);
  const implied = to.private ? 0 : (to.readOrdinal ?? 0);
  const deliveredOrdinal = Math.max(draft.me.deliveredOrdinal, implied, to.deliveredOrdinal ?? 0);
  draft.me = { ...draft.me, readOrdinal, deliveredOrdinal };
  draft.counters = raiseFloor(draft.counters, readOrdinal);
}

function takeCursor(draft: Draft, entry: CursorEntry): void {
  if (entry.userId !== draft.viewer.userId || !draft.me) return;
  if ((entry.audience === true) !== (draft.me.role === null)) return;
  if (entry.threadOrdinal === undefined) advance(draft, entry);
  else draft.counters = threadsChanged(draft.counters);
}

/** Whoever marks a message unread has read what is before it: from far behind that is a step forward. */
function takeLowered(draft: Draft, ordinal: number): void {
  if (!draft.me) return;
  if (ordinal >= draft.me.readOrdinal) {
    advance(draft, { readOrdinal: ordinal, private: true });
  } else {
    draft.me = { ...draft.me, readOrdinal: ordinal };
    draft.counters = lowerFloor(draft.counters, ordinal);
  }
}

/**
 * The snapshot has the event already, while cursors and own events before it were taken as new because its position is
 * that of the slowest part: what they changed, this event changes back.
 */
function takeAgain(draft: Draft, event: RecordedEvent): void {
  if (!isKnown(event)) return;
  if (event.type === 'message.sent' && event.data.threadId === undefined) {
    unarchive(draft);
    if (event.actor === draft.viewer.userId) advance(draft, { readOrdinal: event.data.ordinal });
  }
  if (event.type !== 'cursor.lowered') return;
  const { userId, ordinal } = event.data;
  if (userId !== draft.viewer.userId || !draft.me || draft.me.readOrdinal === ordinal) return;
  if (draft.me.readOrdinal > ordinal) draft.counters = unknownUnread(draft.counters);
  takeLowered(draft, ordinal);
}

function takeOwn(draft: Draft, event: UserEvent): void {
  if (event.type === 'message.hidden') {
    const { ordinal } = event.data;
    // It may be a reply, or the root of a thread whose replies count no more.
    draft.counters = threadsChanged(draft.counters);
    draft.counters = withoutMessage(draft.counters, ordinal, 'hidden');
    draft.view = withoutPreview(draft.view, ordinal);
  }
  if (draft.me) draft.me = foldOwn(draft.me, event);
}
