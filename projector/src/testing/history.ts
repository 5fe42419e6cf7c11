import { conversationSubject, encodeCommit, type LogEvent, readsSubject } from '@parley/contracts';
import type { CommitRecord, EventLog } from '@parley/runtime';
import fc from 'fast-check';
import { uuid } from './commit.ts';
import { DEEDS, factOf, type Wish } from './deeds.ts';
import { newRoom, type Room } from './room.ts';

export type { Wish };

const OFTEN = ['send', 'call', 'reply', 'replyTo', 'read', 'join', 'edit'] as const;

export const wishes = fc.array(
  fc.record<Wish>({
    room: fc.nat(2),
    user: fc.nat(4),
    does: fc.constantFrom(...DEEDS, ...OFTEN, ...OFTEN),
    target: fc.nat(20),
    joined: fc.boolean(),
  }),
  { minLength: 10, maxLength: 100, size: 'max' },
);

/** Events that are recorded together, of a conversation or of the reads beside it. */
interface Commit {
  room: Room;
  reads: boolean;
  events: LogEvent[];
}

/** What becomes of the wishes in a few conversations, by the rules of the write side: commits in the order of the log. */
export function historyOf(list: readonly Wish[]): Commit[] {
  const rooms = new Map<number, Room>();
  const commits: Commit[] = [];
  for (const wish of list) {
    const room = rooms.get(wish.room) ?? newRoom(wish.room);
    rooms.set(wish.room, room);
    const fact = factOf(room, wish);
    if (fact === null) continue;
    const reads = fact.type === 'cursors.advanced';
    if (!reads) room.version += 1;
    const made = reads
      ? fact
      : { ...fact, version: room.version, commandid: uuid(0xd0000000 + room.version) };
    const open = commits.at(-1);
    if (wish.joined && open?.room === room && open.reads === reads) open.events.push(made);
    else commits.push({ room, reads, events: [made] });
  }
  return commits;
}

/** Records a valid history of a few conversations into an empty log; returns its commits. */
export async function recordHistory(log: EventLog, list: readonly Wish[]): Promise<CommitRecord[]> {
  const records: CommitRecord[] = [];
  for (const [index, { room, reads, events }] of historyOf(list).entries()) {
    const outcome = await log.append({
      subject: reads ? readsSubject(room.id) : conversationSubject(room.id),
      commitId: uuid(0xc0000000 + index),
      payload: encodeCommit(events),
      expectedLastSequence: reads ? 'any' : room.sequence,
    });
    const record = outcome.kind === 'appended' ? await log.at(outcome.sequence) : null;
    if (!record) throw new Error('the history conflicts with itself');
    if (!reads) room.sequence = record.sequence;
    records.push(record);
  }
  return records;
}
