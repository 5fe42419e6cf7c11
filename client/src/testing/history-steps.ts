import { type Draft, type History, messageId, ROOM, USERS, VIEWER } from './history.ts';

export interface Step {
  do: number;
  who: number;
  which: number;
  how: number;
}

/** The legal event, if any, that a step stands for after what has happened. */
export function eventOf(history: History, step: Step): Draft | null {
  const actor = USERS[step.who % USERS.length] ?? 'ann';
  const inside = history.members.has(actor);
  if (step.do >= 20) return ownEvent(history, step);
  if (!inside) return joined(history, actor);
  if (step.do < 7) return sent(history, actor, step);
  return step.do < 15 ? aboutMessage(history, actor, step) : aboutRoom(history, actor, step);
}

function joined(history: History, actor: string): Draft {
  const members = [{ userId: actor, role: 'member' as const }];
  const memberCount = history.members.size + 1;
  const data = { members, via: 'join' as const, ordinal: history.messages.length, memberCount };
  return { type: 'members.added', actor, data };
}

function sent(history: History, actor: string, { do: kind, which, how }: Step): Draft {
  const ordinal = history.messages.length + 1;
  const roots = history.messages.filter((message) => message.root === null);
  const root = kind >= 5 ? roots[which % Math.max(1, roots.length)] : undefined;
  const data = {
    messageId: messageId(ordinal),
    ordinal,
    replies: history.messages.filter((message) => message.root !== null).length + (root ? 1 : 0),
    body: `text ${ordinal}`,
    format: 'plain' as const,
    attachments: [],
    ...(root && { threadId: root.id, threadOrdinal: root.ordinal, threadAuthor: root.sender }),
    mentions: mentionsOf(history, actor, how, root === undefined),
  };
  return { type: 'message.sent', actor, data };
}

function mentionsOf(history: History, actor: string, how: number, main: boolean) {
  const users = how % 3 === 0 && actor !== 'ann' && history.members.has('ann') ? ['ann'] : [];
  return { users, all: main && how % 7 === 0, here: false };
}

function aboutMessage(history: History, actor: string, { do: kind, which, how }: Step): Draft | null {
  const there = history.messages.filter((each) => !each.deleted && each.ordinal > history.expired);
  const message = there[which % Math.max(1, there.length)];
  if (!message) return null;
  const on = { messageId: message.id, ordinal: message.ordinal };
  const inThread = message.root !== null && { threadOrdinal: message.root };
  const emoji = how % 2 === 0 ? '👍' : '❤';
  const reacted = message.reactions.some((each) => each.emoji === emoji && each.userId === actor);
  switch (kind) {
    case 7:
    case 8:
      return { type: 'message.deleted', actor, data: { ...on, authorId: message.sender, ...inThread } };
    case 9: {
      const mentions = mentionsOf(history, message.sender, how, message.root === null);
      const data = { ...on, body: `again ${how}`, format: 'plain' as const, mentions, ...inThread };
      return { type: 'message.edited', actor: message.sender, data };
    }
    case 10:
    case 11: {
      const data = { ...on, emoji, authorId: message.sender };
      return { type: reacted ? 'reaction.removed' : 'reaction.added', actor, data };
    }
    case 12:
      return { type: message.pinned ? 'message.unpinned' : 'message.pinned', actor, data: on };
    case 13:
      return how % 4 === 0
        ? { type: 'messages.expired', actor, data: { throughOrdinal: message.ordinal } }
        : null;
    default: {
      const ordinal = which % history.messages.length;
      return { type: 'cursor.lowered', actor, data: { userId: actor, ordinal } };
    }
  }
}

function aboutRoom(history: History, actor: string, { do: kind, which, how }: Step): Draft | null {
  if (kind === 15 && actor !== 'ann') return { type: 'member.left', actor, data: { userId: actor } };
  if (kind === 16)
    return {
      type: 'conversation.updated',
      actor,
      data: how === 0 ? { title: null } : { title: `Room ${how}` },
    };
  if (kind === 17)
    return { type: history.archived ? 'conversation.unarchived' : 'conversation.archived', actor, data: {} };
  const head = history.messages.length;
  if (head === 0) return null;
  const ordinal = 1 + (which % head);
  const root = history.messages[ordinal - 1]?.root;
  const reading = { conversationId: ROOM, userId: actor, at: history.time };
  const entries = [
    how % 4 === 0 ? { ...reading, deliveredOrdinal: ordinal } : { ...reading, readOrdinal: ordinal },
    ...(root ? [{ ...reading, readOrdinal: ordinal, threadOrdinal: root }] : []),
    ...(how % 5 === 0 && actor === 'ann' ? [{ ...reading, readOrdinal: head, private: true as const }] : []),
  ];
  return { type: 'cursors.advanced', actor, data: { entries } };
}

function ownEvent(history: History, { do: kind, which, how }: Step): Draft | null {
  const actor = VIEWER.userId;
  const inbox = { conversationId: ROOM };
  const { muted, archived, pinned } = history.inbox;
  const until = how % 2 === 0 ? { until: '2030-01-01T00:00:00.000Z' } : {};
  if (kind === 20)
    return muted
      ? { type: 'inbox.unmuted', actor, data: inbox }
      : { type: 'inbox.muted', actor, data: { ...inbox, ...until } };
  if (kind === 21) return { type: archived ? 'inbox.unarchived' : 'inbox.archived', actor, data: inbox };
  if (kind === 22) return { type: pinned ? 'inbox.unpinned' : 'inbox.pinned', actor, data: inbox };
  const there = history.messages.filter((each) => !each.hidden && each.ordinal > history.expired);
  const message = there[which % Math.max(1, there.length)];
  if (!message) return null;
  const on = { messageId: message.id, ordinal: message.ordinal };
  return { type: 'message.hidden', actor, data: { ...inbox, ...on } };
}
