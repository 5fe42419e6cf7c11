import type { LogEvent } from '@parley/contracts';
import { event } from './commit.ts';
import {
  type Act,
  ban,
  begin,
  come,
  expire,
  file,
  headOf,
  invite,
  other,
  type Room,
  userOf,
} from './room.ts';
import { edit, erase, pick, pin, present, react, read, reply, send, touchGone } from './room-messages.ts';

/** Something that a user wants; what the rules of the write side forbid at that moment simply does not happen. */
export interface Wish {
  room: number;
  user: number;
  does: Deed;
  /** Which message or member it is about. */
  target: number;
  /** Recorded in the same commit as the wish before it, when that was in the same conversation. */
  joined: boolean;
}

interface Rule {
  deed: (act: Act) => LogEvent | null;
  by: 'member' | 'anyone';
  /** Still possible when archived. */
  archived?: boolean;
}

/** The event that fulfils the wish, applied to the room; null when it is not allowed. */
export function factOf(room: Room, wish: Wish): LogEvent | null {
  if (room.version === 0) return begin(room, userOf(wish.user));
  const { deed, by, archived = true }: Rule = deeds[wish.does];
  const actor = userOf(wish.user);
  if (room.deleted && wish.does !== 'read') return null;
  if (room.archived && !archived) return null;
  if (by === 'member' && !room.roles.has(actor)) return null;
  return deed({ room, actor, target: wish.target, attributes: { actor, conversationId: room.id } });
}

const oneOf = <T>(set: ReadonlySet<T>, number: number): T | null =>
  [...set][number % Math.max(1, set.size)] ?? null;

const deeds = {
  send: { by: 'member', archived: false, deed: (act) => send(act, 'nobody') },
  call: { by: 'member', archived: false, deed: (act) => send(act, 'one') },
  callAll: { by: 'member', archived: false, deed: (act) => send(act, 'all') },
  reply: { by: 'member', archived: false, deed: (act) => reply(act, 'nobody') },
  replyTo: { by: 'member', archived: false, deed: (act) => reply(act, 'one') },
  edit: { by: 'member', archived: false, deed: (act) => edit(act, pick(act, present), 'nobody') },
  editCall: { by: 'member', archived: false, deed: (act) => edit(act, pick(act, present), 'one') },
  editCallAll: { by: 'member', archived: false, deed: (act) => edit(act, pick(act, present), 'all') },
  delete: { by: 'member', deed: (act) => erase(act, pick(act, present)) },
  react: { by: 'member', archived: false, deed: (act) => react(act, pick(act, present), true) },
  unreact: { by: 'member', archived: false, deed: (act) => react(act, pick(act, present), false) },
  pin: { by: 'member', archived: false, deed: (act) => pin(act, pick(act, present)) },
  unpin: { by: 'member', archived: false, deed: (act) => pin(act, oneOf(act.room.pinned, act.target)) },
  touchGone: { by: 'member', deed: touchGone },
  expire: { by: 'anyone', deed: expire },
  join: { by: 'anyone', deed: (act) => come(act, act.actor, 'join') },
  add: { by: 'member', deed: (act) => come(act, userOf(act.target), 'add') },
  accept: {
    by: 'anyone',
    deed: (act) => {
      const userId = oneOf(act.room.invited, act.target);
      const attributes = { ...act.attributes, actor: userId ?? act.actor };
      return userId === null ? null : come({ ...act, attributes }, userId, 'invite');
    },
  },
  invite: { by: 'member', deed: invite },
  decline: {
    by: 'anyone',
    deed: ({ room, target, attributes }) => {
      const userId = oneOf(room.invited, target);
      if (userId === null) return null;
      room.invited.delete(userId);
      return event('invite.declined', { userId }, { ...attributes, actor: userId });
    },
  },
  revoke: {
    by: 'member',
    deed: ({ room, target, attributes }) => {
      const userId = oneOf(room.invited, target);
      if (userId === null) return null;
      room.invited.delete(userId);
      return event('invite.revoked', { userIds: [userId] }, attributes);
    },
  },
  leave: {
    by: 'member',
    deed: ({ room, actor, attributes }) => {
      if (room.roles.get(actor) === 'owner') return null;
      room.roles.delete(actor);
      return event('member.left', { userId: actor }, attributes);
    },
  },
  remove: {
    by: 'member',
    deed: (act) => {
      const userId = other(act);
      if (userId === null || !act.room.roles.delete(userId)) return null;
      return event('members.removed', { userIds: [userId], reason: 'why' }, act.attributes);
    },
  },
  ban: { by: 'member', deed: ban },
  unban: {
    by: 'member',
    deed: ({ room, target, attributes }) => {
      const userId = oneOf(room.banned, target);
      if (userId === null) return null;
      room.banned.delete(userId);
      return event('member.unbanned', { userId }, attributes);
    },
  },
  promote: {
    by: 'member',
    deed: (act) => {
      const userId = other(act);
      const from = userId === null ? undefined : act.room.roles.get(userId);
      if (userId === null || from === undefined) return null;
      const to = from === 'moderator' ? 'member' : 'moderator';
      act.room.roles.set(userId, to);
      return event('member.role-changed', { userId, from, to }, act.attributes);
    },
  },
  describe: {
    by: 'member',
    deed: ({ target, attributes }) =>
      event(
        'conversation.updated',
        target % 2 === 0
          ? { title: `title ${target}`, description: null, settings: { slowModeSeconds: target } }
          : { title: null, avatar: 'a.png', settings: { retentionDays: null, readOnly: target % 3 === 0 } },
        attributes,
      ),
  },
  file: { by: 'member', deed: file },
  close: {
    by: 'member',
    deed: ({ room, actor, target, attributes }) => {
      if (room.roles.get(actor) !== 'owner' || target > 2) return null;
      room.deleted = true;
      return event('conversation.deleted', { reason: 'over' }, attributes);
    },
  },
  read: { by: 'anyone', deed: (act) => read(act, 'read') },
  readPrivately: { by: 'anyone', deed: (act) => read(act, 'private') },
  deliver: { by: 'anyone', deed: (act) => read(act, 'delivered') },
  readThread: { by: 'anyone', deed: (act) => read(act, 'thread') },
  lower: {
    by: 'member',
    deed: ({ room, actor, target, attributes }) =>
      event('cursor.lowered', { userId: actor, ordinal: target % (headOf(room) + 1) }, attributes),
  },
} satisfies Record<string, Rule>;

type Deed = keyof typeof deeds;

export const DEEDS = Object.keys(deeds) as Deed[];
