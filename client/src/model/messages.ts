import type { CommitItem, ConversationEvent, EventOf, MessagesPage, MessageView } from '@parley/contracts';
import { factsOf, positionAfter, type Viewer } from './commit-facts.ts';

/** The newest messages of a conversation, kept up to date by commits. */
export interface MessagesModel {
  readonly conversationId: string;
  /** Every message that the viewer may see from its first item on. */
  readonly page: MessagesPage;
  /** Commits are missing, or the time of a thread's newest reply is not known: load the page again. */
  readonly stale: boolean;
}

/** Of the newest page, `hasAfter: false`: messages after another page are not its own. */
export function messagesModel(conversationId: string, page: MessagesPage): MessagesModel {
  return { conversationId, page, stale: page.hasAfter };
}

/** The page after one more commit of the subscription. It grows with new messages; where it begins stays. */
export function applyToMessages(model: MessagesModel, commit: CommitItem, viewer: Viewer): MessagesModel {
  const { conversationId, page } = model;
  const facts = factsOf(commit, { conversationId, version: page.version, asOf: page.asOf });
  if (facts.length === 0) return model;
  let { items, hasBefore, version } = page;
  let { stale } = model;
  for (const fact of facts) {
    if (fact.kind === 'own' && fact.event.type === 'message.hidden') {
      const { ordinal } = fact.event.data;
      items = items.filter((message) => message.ordinal !== ordinal);
    }
    if (fact.kind !== 'conversation' || fact.again) continue;
    stale ||= fact.version !== version + 1;
    version = fact.version;
    const { event } = fact;
    if (event?.type === 'messages.expired') {
      const { throughOrdinal } = event.data;
      hasBefore &&= (items[0]?.ordinal ?? 0) > throughOrdinal + 1;
      items = items.filter((message) => message.ordinal > throughOrdinal);
    } else if (event) items = foldMessages(items, event, { conversationId, sequence: commit.seq, viewer });
    if (event?.type === 'message.deleted' && event.data.threadOrdinal !== undefined) {
      const counted = withoutReply(items, event.data.threadOrdinal);
      stale ||= counted === null;
      items = counted ?? items;
    }
  }
  const asOf = positionAfter(page.asOf, commit.seq);
  return { conversationId, stale, page: { ...page, asOf, items, hasBefore, version } };
}

interface Place {
  conversationId: string;
  sequence: number;
  viewer: Viewer;
}

function foldMessages(items: MessageView[], event: ConversationEvent, place: Place): MessageView[] {
  switch (event.type) {
    case 'message.sent':
      return [...withReply(items, event), messageView(event, place)];
    case 'message.deleted':
    case 'message.edited':
    case 'reaction.added':
    case 'reaction.removed':
    case 'message.pinned':
    case 'message.unpinned':
      return changed(items, event, place.viewer);
    default:
      return items;
  }
}

type MessageChange = Extract<ConversationEvent, { data: { ordinal: number; messageId: string } }>;

function changed(items: MessageView[], event: ConversationEvent, viewer: Viewer): MessageView[] {
  const { data } = event as MessageChange;
  return items.map((message) =>
    message.ordinal === data.ordinal ? foldMessage(message, event, viewer) : message,
  );
}

/** What a root says of its thread: the replies that are not deleted, and when the newest of them came. */
function withReply(items: MessageView[], { data, time }: EventOf<'message.sent'>): MessageView[] {
  if (data.threadOrdinal === undefined) return items;
  return items.map((message) => {
    if (message.ordinal !== data.threadOrdinal) return message;
    return { ...message, thread: { count: (message.thread?.count ?? 0) + 1, lastAt: time } };
  });
}

/** After a root all its replies are in the page, but for those that the viewer hid: null when one of them is the newest. */
function withoutReply(items: MessageView[], root: number): MessageView[] | null {
  const at = items.findIndex((message) => message.ordinal === root);
  const message = items[at];
  if (!message?.thread) return items;
  const { messageId, thread } = message;
  const count = thread.count - 1;
  const shown = items.filter((each) => each.threadId === messageId && !each.deleted);
  if (count > 0 && shown.length < count) return null;
  const lastAt = shown.at(-1)?.sentAt ?? thread.lastAt;
  return items.with(at, { ...message, thread: count > 0 ? { count, lastAt } : null });
}

function messageView(event: EventOf<'message.sent'>, { conversationId, sequence }: Place): MessageView {
  const { data } = event;
  return {
    messageId: data.messageId,
    conversationId,
    ordinal: data.ordinal,
    sequence,
    senderId: event.actor,
    sentAt: event.time,
    body: data.body ?? null,
    format: data.format,
    ciphertext: data.ciphertext ?? null,
    attachments: data.attachments,
    replyTo: data.replyTo ?? null,
    threadId: data.threadId ?? null,
    thread: null,
    mentions: data.mentions,
    reactions: [],
    metadata: data.metadata ?? null,
    edited: null,
    deleted: null,
    pinned: false,
    version: event.version ?? 0,
  };
}

/** A deleted message stays as it was when it was deleted. */
function foldMessage(message: MessageView, event: ConversationEvent, viewer: Viewer): MessageView {
  if (message.deleted) return message;
  const version = event.version ?? message.version;
  switch (event.type) {
    case 'message.edited': {
      const { body = null, format, ciphertext = null, mentions } = event.data;
      const edited = { at: event.time, by: event.actor, count: (message.edited?.count ?? 0) + 1 };
      return { ...message, body, format, ciphertext, mentions, edited, version };
    }
    case 'message.deleted':
      return { ...tombstone(message, event), version };
    case 'reaction.added':
      return { ...message, reactions: reacted(message.reactions, event, 1, viewer) };
    case 'reaction.removed':
      return { ...message, reactions: reacted(message.reactions, event, -1, viewer) };
    case 'message.pinned':
      return { ...message, pinned: true };
    case 'message.unpinned':
      return { ...message, pinned: false };
    default:
      return message;
  }
}

function tombstone(message: MessageView, event: EventOf<'message.deleted'>): MessageView {
  return {
    ...message,
    body: null,
    ciphertext: null,
    attachments: [],
    metadata: null,
    mentions: { users: [], all: false, here: false },
    reactions: [],
    pinned: false,
    deleted: { at: event.time, by: event.actor, reason: event.data.reason ?? null },
  };
}

type Reactions = MessageView['reactions'];

function reacted(
  reactions: Reactions,
  event: EventOf<'reaction.added'> | EventOf<'reaction.removed'>,
  change: 1 | -1,
  viewer: Viewer,
): Reactions {
  const { emoji } = event.data;
  const mine = event.actor === viewer.userId;
  const known = reactions.find((each) => each.emoji === emoji);
  if (!known) return change === 1 ? [...reactions, { emoji, count: 1, mine }] : reactions;
  const next = { emoji, count: known.count + change, mine: mine ? change === 1 : known.mine };
  return reactions.flatMap((each) => (each !== known ? [each] : next.count > 0 ? [next] : []));
}
