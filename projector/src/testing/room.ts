import { DEFAULT_SETTINGS, type LogEvent, type Role } from '@parley/contracts';
import { event, uuid } from './commit.ts';

export interface Written {
  author: string;
  /** Of the thread, 0 in the main timeline. */
  root: number;
  deleted: boolean;
}

/** What the write side would know of a conversation. */
export interface Room {
  id: string;
  /** 0 a channel, 1 a group whose history is for members of the time, 2 a broadcast. */
  kind: number;
  version: number;
  sequence: number;
  roles: Map<string, Role>;
  banned: Set<string>;
  invited: Set<string>;
  messages: Written[];
  expired: number;
  pinned: Set<number>;
  archived: boolean;
  deleted: boolean;
}

const USERS = ['ann', 'bob', 'cyn', 'dän.*>', 'eve "x", \\{}'];
/** In the audience of the broadcast, member or not. */
export const AUDIENCE = ['cyn', 'eve "x", \\{}'];

export function newRoom(number: number): Room {
  return {
    id: uuid(0xa0000000 + number),
    kind: number,
    version: 0,
    sequence: 0,
    roles: new Map(),
    banned: new Set(),
    invited: new Set(),
    messages: [],
    expired: 0,
    pinned: new Set(),
    archived: false,
    deleted: false,
  };
}

export interface Act {
  room: Room;
  actor: string;
  target: number;
  attributes: { actor: string; conversationId: string };
}

export const userOf = (number: number): string => USERS[number % USERS.length] ?? 'ann';
export const headOf = (room: Room): number => room.messages.length;

export function begin(room: Room, actor: string): LogEvent {
  const names = [actor, ...USERS.filter((each) => each !== actor).slice(0, room.kind)];
  for (const userId of names) room.roles.set(userId, userId === actor ? 'owner' : 'member');
  const type = (['channel', 'group', 'broadcast'] as const)[room.kind] ?? 'channel';
  const historyVisibility = room.kind === 1 ? ('joined' as const) : ('shared' as const);
  return event(
    'conversation.created',
    {
      type,
      title: `room ${room.kind}`,
      members: [...room.roles].map(([userId, role]) => ({ userId, role })),
      settings: { ...DEFAULT_SETTINGS, historyVisibility },
      ...(type === 'broadcast' ? { audience: { kind: 'custom', userIds: AUDIENCE } } : {}),
    },
    { actor, conversationId: room.id },
  );
}

export function come({ room, target, attributes }: Act, userId: string, via: 'join' | 'add' | 'invite') {
  if (room.roles.has(userId) || room.banned.has(userId)) return null;
  const role = target % 3 === 0 ? 'guest' : 'member';
  room.roles.set(userId, role);
  room.invited.delete(userId);
  const memberCount = room.roles.size;
  return event(
    'members.added',
    { members: [{ userId, role }], via, ordinal: headOf(room), memberCount },
    attributes,
  );
}

/** Nobody takes the owner away, so that there always is one. */
export function other({ room, actor, target }: Act): string | null {
  const userId = userOf(target);
  return userId === actor || room.roles.get(userId) === 'owner' ? null : userId;
}

export function invite(act: Act): LogEvent | null {
  const userId = userOf(act.target);
  const { room, attributes } = act;
  if (room.roles.has(userId) || room.banned.has(userId)) return null;
  if (room.invited.has(userId)) return null;
  room.invited.add(userId);
  return event('member.invited', { userIds: [userId], role: 'guest' }, attributes);
}

export function ban(act: Act): LogEvent | null {
  const userId = other(act);
  const { room, attributes, target } = act;
  if (userId === null) return null;
  const role = room.roles.get(userId);
  room.roles.delete(userId);
  room.banned.add(userId);
  const until = target % 2 === 0 ? { until: '2027-01-01T00:00:00Z' } : {};
  return event('member.banned', { userId, ...(role ? { role } : {}), ...until }, attributes);
}

export function expire({ room, target, attributes }: Act): LogEvent | null {
  const left = headOf(room) - room.expired;
  if (left === 0) return null;
  room.expired += 1 + (target % left);
  for (const ordinal of room.pinned) if (ordinal <= room.expired) room.pinned.delete(ordinal);
  return event('messages.expired', { throughOrdinal: room.expired }, attributes);
}

export function file({ room, attributes }: Act): LogEvent {
  room.archived = !room.archived;
  return event(room.archived ? 'conversation.archived' : 'conversation.unarchived', {}, attributes);
}
