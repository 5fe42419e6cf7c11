import {
  type ConversationAnswer,
  DEFAULT_SETTINGS,
  formatPosition,
  type MembershipView,
  type MembersPage,
  type MessagesPage,
  type MessageView,
} from '@parley/contracts';
import { EPOCH, type History, type Message, messageId, ROOM, VIEWER } from './history.ts';

/** What the read API would answer, counted anew from every fact. `asOf`: the position that the answer claims. */
export function conversationAnswer(history: History, asOf = history.sequence): ConversationAnswer {
  const last = history.messages.findLast((message) => message.root === null);
  return {
    asOf: formatPosition(EPOCH, asOf),
    conversation: {
      id: ROOM,
      type: 'group',
      title: history.title,
      description: null,
      avatar: null,
      otherUserId: null,
      audience: null,
      settings: { ...DEFAULT_SETTINGS, receipts: history.receipts },
      createdAt: new Date(Date.UTC(2026, 0, 1) + 1_000).toISOString(),
      createdBy: 'bob',
      memberCount: history.members.size,
      messageCount: history.messages.length,
      lastMessage:
        last && last.ordinal > history.expired
          ? {
              messageId: last.id,
              ordinal: last.ordinal,
              senderId: last.sender,
              preview: last.deleted || last.hidden ? null : last.body,
              sentAt: last.at,
            }
          : null,
      archived: history.archived,
      version: history.version,
    },
    me: membershipView(history),
  };
}

function membershipView(history: History): MembershipView | null {
  const me = history.members.get(VIEWER.userId);
  if (!me) return null;
  const floor = Math.max(me.read, history.expired);
  const there = history.messages.filter((message) => !message.deleted && !message.hidden);
  const unread = there.filter(({ ordinal, root }) => root === null && ordinal > floor);
  const threadUnread = there.filter(({ ordinal, root }) => {
    if (root === null || root <= history.expired || history.messages[root - 1]?.hidden) return false;
    const followed = history.followers.get(`${VIEWER.userId}/${root}`);
    return followed !== undefined && ordinal > Math.max(followed, me.joinedOrdinal, history.expired);
  });
  return {
    role: me.role,
    joinedAt: me.joinedAt,
    readOrdinal: me.read,
    deliveredOrdinal: me.delivered,
    unread: unread.length,
    mentions: unread.filter((message) => callsViewer(message)).length,
    threadUnread: threadUnread.length,
    ...history.inbox,
  };
}

/** The newest messages. */
export function messagesPage(history: History, limit: number, asOf = history.sequence): MessagesPage {
  const shown = history.messages.filter((message) => !message.hidden && message.ordinal > history.expired);
  const items = shown
    .slice(Math.max(0, shown.length - limit))
    .map((message) => messageView(history, message));
  return {
    asOf: formatPosition(EPOCH, asOf),
    version: history.version,
    items,
    hasBefore: shown.length > items.length,
    hasAfter: false,
  };
}

function messageView(history: History, message: Message): MessageView {
  const replies = history.messages.filter((each) => each.root === message.ordinal && !each.deleted);
  const { deleted } = message;
  return {
    messageId: message.id,
    conversationId: ROOM,
    ordinal: message.ordinal,
    sequence: message.sequence,
    senderId: message.sender,
    sentAt: message.at,
    body: deleted ? null : message.body,
    format: 'plain',
    ciphertext: null,
    attachments: [],
    replyTo: null,
    threadId: message.root === null ? null : messageId(message.root),
    thread: replies.length > 0 ? { count: replies.length, lastAt: replies.at(-1)?.at ?? '' } : null,
    mentions: deleted ? { users: [], all: false, here: false } : message.mentions,
    reactions: deleted ? [] : reactionsOf(message),
    metadata: null,
    edited: message.edits,
    deleted,
    pinned: !deleted && message.pinned,
    version: message.version,
  };
}

export function membersPage(history: History, limit: number, asOf = history.sequence): MembersPage {
  const all = [...history.members].sort(([a], [b]) => (a < b ? -1 : 1));
  const items = all.slice(0, limit).map(([userId, member]) => {
    const own = userId === VIEWER.userId;
    return {
      userId,
      role: member.role,
      joinedAt: member.joinedAt,
      readOrdinal: own ? member.read : history.receipts ? member.receipt : null,
      deliveredOrdinal: own || history.receipts ? member.delivered : null,
    };
  });
  const nextCursor = all.length > limit ? 'more' : null;
  return { asOf: formatPosition(EPOCH, asOf), version: history.version, items, nextCursor };
}

function callsViewer({ sender, mentions: { users, all, here } }: Message): boolean {
  return sender !== VIEWER.userId && (all || here || users.includes(VIEWER.userId));
}

function reactionsOf(message: Message): MessageView['reactions'] {
  return [...new Set(message.reactions.map((each) => each.emoji))].map((emoji) => {
    const who = message.reactions.filter((each) => each.emoji === emoji).map((each) => each.userId);
    return { emoji, count: who.length, mine: who.includes(VIEWER.userId) };
  });
}
