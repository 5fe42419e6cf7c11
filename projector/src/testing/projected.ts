import { conversationSubject, encodeCommit, type LogEvent, readsSubject } from '@parley/contracts';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { ROOM, uuid } from './commit.ts';
import { allRows, emptyReadModel, type Rows } from './database.ts';
import { cut, give, startLane } from './lanes.ts';

/** These events in a log of their own, each a commit, with versions where they belong to the room. */
export async function recorded(events: readonly LogEvent[]) {
  const log = new MemoryEventLog();
  const records: CommitRecord[] = [];
  let version = 0;
  for (const [index, item] of events.entries()) {
    const reads = item.type === 'cursors.advanced';
    if (!reads) version += 1;
    await log.append({
      subject: reads ? readsSubject(ROOM) : conversationSubject(ROOM),
      commitId: uuid(0xc0000000 + index),
      payload: encodeCommit([reads ? item : { ...item, version }]),
      expectedLastSequence: 'any',
    });
    const record = await log.at(index + 1);
    if (record) records.push(record);
  }
  return { log, records };
}

/** The tables after these events, each a commit of its own, in batches of so many. */
export async function projected(pool: Pool, size: number, ...events: LogEvent[]): Promise<Rows> {
  await emptyReadModel(pool);
  const { log, records } = await recorded(events);
  const { lane } = await startLane(pool, log);
  for (const batch of cut(records, [size])) await give(lane, batch);
  expect(lane.fault).toBeNull();
  return allRows(pool);
}
