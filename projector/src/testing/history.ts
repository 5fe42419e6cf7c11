import { conversationSubject, encodeCommit, type LogEvent, readsSubject } from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import fc from 'fast-check';
import { cursors, deleted, edited, event, sent, uuid } from './commit.ts';

/** Something that a user wants; what the rules of the write side forbid at that moment simply does not happen. */
export interface Wish {
  room: number;
  user: number;
  does: 'send' | 'edit' | 'delete' | 'join' | 'add' | 'leave' | 'remove' | 'read';
  /** Which message or member it is about. */
  target: number;
  /** Recorded in the same commit as the wish before it, when that was in the same conversation. */
  joined: boolean;
}

export const wishes = fc.array(
  fc.record<Wish>({
    room: fc.nat(2),
    user: fc.nat(3),
    does: fc.constantFrom(
      'send',
      'send',
      'send',
      'edit',
      'delete',
      'join',
      'add',
      'leave',
      'remove',
      'read',
      'read',
    ),
    target: fc.nat(20),
    joined: fc.boolean(),
  }),
  { minLength: 5, maxLength: 60 },
);

const users = ['ann', 'bob', 'cyn', 'dän.*>'];
const userOf = (number: number): string => users[number % users.length] ?? 'ann';

interface Room {
  id: string;
  version: number;
  sequence: number;
  active: Map<string, number>;
  messages: { deleted: boolean }[];
}

/** Records a valid history of a few conversations into a log; returns its commits. */
export async function recordHistory(log: EventLog, list: readonly Wish[]): Promise<CommitRecord[]> {
  const rooms: Room[] = [];
  let open: { room: Room; events: LogEvent[] } | null = null;
  let commits = 0;
  const flush = async () => {
    if (open === null) return;
    commits += 1;
    const { room, events } = open;
    open = null;
    const outcome = await log.append({
      subject: conversationSubject(room.id),
      commitId: uuid(0xc0000000 + commits),
      payload: encodeCommit(events),
      expectedLastSequence: room.sequence,
    });
    if (outcome.kind !== 'appended') throw new Error('the history conflicts with itself');
    room.sequence = outcome.sequence;
  };
  for (const wish of list) {
    const room = rooms[wish.room] ?? newRoom(wish.room);
    rooms[wish.room] = room;
    const fact = factOf(room, wish);
    if (fact === null) continue;
    if (fact.type === 'cursors.advanced') {
      await flush();
      commits += 1;
      await log.append({
        subject: readsSubject(room.id),
        commitId: uuid(0xc0000000 + commits),
        payload: encodeCommit([fact]),
        expectedLastSequence: 'any',
      });
      continue;
    }
    room.version += 1;
    const numbered = { ...fact, version: room.version, commandid: uuid(0xd0000000 + room.version) };
    if (open !== null && open.room === room && wish.joined) open.events.push(numbered);
    else {
      await flush();
      open = { room, events: [numbered] };
    }
  }
  await flush();
  const { last } = await log.bounds();
  const records: CommitRecord[] = [];
  for (let sequence = 1; sequence <= last; sequence++) {
    const record = await log.at(sequence);
    if (record) records.push(record);
  }
  return records;
}

function newRoom(number: number): Room {
  return { id: uuid(0xa0000000 + number), version: 0, sequence: 0, active: new Map(), messages: [] };
}

function factOf(room: Room, { user, does, target }: Wish): LogEvent | null {
  const actor = userOf(user);
  const attributes = { actor, conversationId: room.id };
  if (room.version === 0) {
    room.active.set(actor, 0);
    const members = [{ userId: actor, role: 'owner' as const }];
    return event('conversation.created', { type: 'channel', members }, attributes);
  }
  const head = room.messages.length;
  const other = userOf(target);
  if (does === 'join' || does === 'add') {
    const comer = does === 'join' ? actor : other;
    if (room.active.has(comer) || (does === 'add' && !room.active.has(actor))) return null;
    room.active.set(comer, head);
    const members = [{ userId: comer, role: 'member' as const }];
    return event('members.added', { members, via: does, ordinal: head }, attributes);
  }
  if (!room.active.has(actor)) return null;
  if (does === 'leave') {
    room.active.delete(actor);
    return event('member.left', { userId: actor }, attributes);
  }
  if (does === 'remove') {
    if (!room.active.delete(other)) return null;
    return event('members.removed', { userIds: [other] }, attributes);
  }
  return messageFact(room, actor, does, target);
}

function messageFact(room: Room, actor: string, does: Wish['does'], target: number): LogEvent | null {
  const attributes = { actor, conversationId: room.id };
  const head = room.messages.length;
  if (does === 'send') {
    room.messages.push({ deleted: false });
    room.active.set(actor, head + 1);
    return sent(head + 1, `${actor} says ${head + 1}`, attributes);
  }
  if (head === 0) return null;
  const ordinal = (target % head) + 1;
  if (does === 'edit') return edited(ordinal, `edit of ${ordinal} by ${actor}`, attributes);
  if (does === 'delete') return deleted(ordinal, attributes);
  if (ordinal <= (room.active.get(actor) ?? 0)) return null;
  room.active.set(actor, ordinal);
  return cursors([{ userId: actor, readOrdinal: ordinal }], room.id);
}
