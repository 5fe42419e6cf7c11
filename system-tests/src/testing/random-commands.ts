import type { CommandInput, CommandType } from '@parley/contracts';
import fc from 'fast-check';

/** A step of a random day: numbers that pick from what exists when it is its turn. */
export interface Step {
  kind: Kind;
  user: number;
  conversation: number;
  message: number;
  other: number;
  flag: boolean;
}

const weights = {
  send: 14,
  'send-mention': 5,
  reply: 6,
  edit: 4,
  delete: 4,
  react: 3,
  unreact: 2,
  pin: 1,
  read: 8,
  'read-thread': 3,
  delivered: 2,
  'mark-unread': 3,
  hide: 3,
  join: 2,
  leave: 2,
  add: 3,
  remove: 2,
  role: 1,
  ban: 1,
  unban: 1,
  invite: 1,
  accept: 1,
  mute: 1,
  unmute: 1,
  archive: 2,
  unarchive: 1,
  preferences: 1,
  settings: 1,
  expire: 1,
} as const;
export type Kind = keyof typeof weights;

export const USERS = ['anna', 'berta', 'carl', 'dora', 'emil', 'fritz'] as const;

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    ...Object.entries(weights).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Kind) })),
  ),
  user: fc.nat({ max: USERS.length - 1 }),
  conversation: fc.nat({ max: 99 }),
  message: fc.nat({ max: 9_999 }),
  other: fc.nat({ max: USERS.length - 1 }),
  flag: fc.boolean(),
});

export const stepsArbitrary = (length: number): fc.Arbitrary<Step[]> =>
  fc.array(stepArbitrary, { minLength: length, maxLength: length });

/** What the commands so far have made: messages of each conversation by their ids, replies marked. */
export interface World {
  conversations: { id: string; messages: { id: string; ordinal: number; reply: boolean }[] }[];
}

export type AnyCommand = { [T in CommandType]: { type: T; data: CommandInput<T> } }[CommandType];

/** The command that a step stands for now, or null when there is nothing for it to be about. */
export function commandOf(step: Step, world: World): AnyCommand | null {
  const conversation = world.conversations[step.conversation % world.conversations.length];
  if (!conversation) return null;
  const conversationId = conversation.id;
  const { messages } = conversation;
  const message = messages[step.message % Math.max(1, messages.length)];
  const other = USERS[step.other % USERS.length] ?? USERS[0];
  const here = { conversationId };
  switch (step.kind) {
    case 'send':
      return { type: 'message.send', data: { ...here, body: `text ${step.message}` } };
    case 'send-mention': {
      const call = step.flag ? (step.message % 2 === 0 ? '@all' : '@here') : `@${other}`;
      return { type: 'message.send', data: { ...here, body: `look ${call}, please` } };
    }
    case 'join':
      return { type: 'conversation.join', data: here };
    case 'leave':
      return { type: 'conversation.leave', data: here };
    case 'add':
      return { type: 'members.add', data: { ...here, members: [{ userId: other }] } };
    case 'remove':
      return { type: 'members.remove', data: { ...here, userIds: [other] } };
    case 'role':
      return {
        type: 'members.set-role',
        data: { ...here, userId: other, role: step.flag ? 'moderator' : 'member' },
      };
    case 'ban':
      return { type: 'members.ban', data: { ...here, userId: other } };
    case 'unban':
      return { type: 'members.unban', data: { ...here, userId: other } };
    case 'invite':
      return { type: 'members.invite', data: { ...here, userIds: [other] } };
    case 'accept':
      return { type: 'members.accept-invite', data: here };
    case 'mute':
      return { type: 'user.mute', data: here };
    case 'unmute':
      return { type: 'user.unmute', data: here };
    case 'archive':
      return { type: 'user.archive', data: here };
    case 'unarchive':
      return { type: 'user.unarchive', data: here };
    case 'preferences':
      return { type: 'user.set-preferences', data: { unarchiveOnMessage: step.flag } };
    case 'settings':
      return {
        type: 'conversation.update',
        data: { ...here, settings: { historyVisibility: step.flag ? 'joined' : 'shared' } },
      };
    default:
      return message ? commandOnMessage(step, here, message, other) : null;
  }
}

function commandOnMessage(
  step: Step,
  here: { conversationId: string },
  { id: messageId, ordinal, reply }: World['conversations'][number]['messages'][number],
  other: string,
): AnyCommand | null {
  const on = { ...here, messageId };
  switch (step.kind) {
    case 'reply':
      if (reply) return null;
      return {
        type: 'message.send',
        data: { ...here, threadId: messageId, body: step.flag ? `yes @${other}` : 'yes' },
      };
    case 'edit':
      return { type: 'message.edit', data: { ...on, body: step.flag ? `better @${other}` : 'better' } };
    case 'delete':
      return { type: 'message.delete', data: on };
    case 'react':
      return { type: 'message.react', data: { ...on, emoji: step.flag ? '👍' : ':party:' } };
    case 'unreact':
      return { type: 'message.unreact', data: { ...on, emoji: step.flag ? '👍' : ':party:' } };
    case 'pin':
      return { type: step.flag ? 'message.pin' : 'message.unpin', data: on };
    case 'read':
      return { type: 'messages.read', data: { ...here, ordinal, private: step.flag } };
    case 'read-thread':
      return reply
        ? null
        : { type: 'messages.read', data: { ...here, ordinal: ordinal + step.other, threadId: messageId } };
    case 'delivered':
      return { type: 'messages.delivered', data: { ...here, ordinal } };
    case 'mark-unread':
      return { type: 'messages.mark-unread', data: { ...here, ordinal } };
    case 'hide':
      return { type: 'user.hide-message', data: on };
    case 'expire':
      return {
        type: 'conversation.expire-messages',
        data: { ...here, throughOrdinal: Math.max(1, ordinal >> 2) },
      };
    default:
      return null;
  }
}
