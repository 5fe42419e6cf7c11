import { decodeCommit } from '@parley/contracts';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listDeadLetters, skipCommit } from './dead-letter-wishes.ts';
import type { Lane } from './lane.ts';
import { openReadModel } from './read-model.ts';
import {
  allRows,
  deadLetters,
  emptyReadModel,
  logger,
  privatePostgres,
  type Rows,
} from './testing/database.ts';
import { recordHistory, type Wish, wishes } from './testing/history.ts';
import { cut, give, startLane } from './testing/lanes.ts';
import { allOf, refusing, unreadable } from './testing/poison.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
beforeAll(async () => {
  postgres = await privatePostgres();
  pool = openReadModel({ databaseUrl: await postgres.readModel(), connections: 4, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});
beforeEach(() => emptyReadModel(pool));

/** The conversation that a commit is of or, as these histories have it, whose cursors it holds. */
function roomOf({ payload }: CommitRecord): string {
  const [first] = decodeCommit(payload);
  const data = first?.data as { entries?: { conversationId: string }[] };
  return data.entries?.[0]?.conversationId ?? first?.subject.slice('conversation/'.length) ?? '';
}

const isReads = ({ subject }: CommitRecord): boolean => subject.endsWith('.reads');

/** For each poisoned conversation where it stops. */
function stopsOf(records: readonly CommitRecord[], poison: ReadonlySet<number>): Map<string, number> {
  const stops = new Map<string, number>();
  for (const record of records) {
    const room = roomOf(record);
    if (poison.has(record.sequence) && !stops.has(room)) stops.set(room, record.sequence);
  }
  return stops;
}

async function folded(log: MemoryEventLog, records: readonly CommitRecord[]): Promise<Rows> {
  const { lane } = await startLane(pool, log);
  for (const record of records) await give(lane, [record]);
  expect([lane.fault, await deadLetters(pool)]).toEqual([null, []]);
  return allRows(pool);
}

const cuts = fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 6 });
const picks = fc.array(fc.record({ at: fc.nat(200), refused: fc.boolean() }), { minLength: 1, maxLength: 4 });

interface Poisoned {
  log: MemoryEventLog;
  records: CommitRecord[];
  /** As the lane gets them. */
  delivered: CommitRecord[];
  poison: Set<number>;
  refused: Set<number>;
}

/** A valid history of which some commits of conversations are delivered unreadable, or refused by the tables. */
async function poisonedHistory(
  list: Wish[],
  chosen: readonly { at: number; refused: boolean }[],
): Promise<Poisoned> {
  const log = new MemoryEventLog();
  const records = await recordHistory(log, list);
  const candidates = records.filter((record) => !isReads(record));
  const poison = new Set<number>();
  const refused = new Set<number>();
  for (const { at, refused: byTables } of chosen) {
    const sequence = candidates[at % candidates.length]?.sequence ?? 0;
    poison.add(sequence);
    if (byTables) refused.add(sequence);
  }
  const delivered = records.map((record) =>
    poison.has(record.sequence) && !refused.has(record.sequence) ? unreadable(record) : record,
  );
  return { log, records, delivered, poison, refused };
}

async function retryAll(lane: Lane, log: MemoryEventLog): Promise<void> {
  for (const key of [...lane.parked]) await lane.retry(key, log);
}

describe('with commits that cannot be applied, wherever they are and however the log is cut', () => {
  it('all others are applied, and a retry after the fault is gone gives the rows of a run without it', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, cuts, picks, fc.boolean(), async (list, sizes, chosen, restarted) => {
        await emptyReadModel(pool);
        const { log, records, delivered, poison, refused } = await poisonedHistory(list, chosen);
        const whole = await folded(log, records);
        await emptyReadModel(pool);
        const stops = stopsOf(records, poison);
        const isApplied = (record: CommitRecord) =>
          record.sequence < (stops.get(roomOf(record)) ?? Number.POSITIVE_INFINITY);
        const around = await folded(log, records.filter(isApplied));

        await emptyReadModel(pool);
        const write = refusing(refused);
        let { lane } = await startLane(pool, log, { write });
        for (const [turn, batch] of [...cut(delivered, sizes)].entries()) {
          if (restarted && turn === 1) ({ lane } = await startLane(pool, log, { write }));
          await give(lane, batch);
        }
        expect([lane.fault, lane.position]).toEqual([null, records.length]);
        expect(await allRows(pool)).toEqual(around);
        const parked = await deadLetters(pool);
        expect(parked.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b)).toEqual(
          records.filter((record) => !isApplied(record)).map(({ sequence }) => sequence),
        );

        refused.clear();
        await retryAll(lane, log);
        expect([lane.fault, await deadLetters(pool), lane.parked.size]).toEqual([null, [], 0]);
        expect(await allRows(pool)).toEqual(whole);
      }),
      { numRuns: 15 },
    );
  });

  it('a commit that is skipped is passed over by every fold, so that a new read model is the same', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, cuts, picks, async (list, sizes, chosen) => {
        await emptyReadModel(pool);
        const { log, delivered, poison, refused } = await poisonedHistory(list, chosen);
        const write = refusing(refused);
        const { lane } = await startLane(pool, log, { write });
        for (const batch of cut(delivered, sizes)) await give(lane, batch);
        for (const { key, sequence } of await listDeadLetters(pool)) {
          expect(poison.has(sequence)).toBe(true);
          expect(await skipCommit(pool, { key, sequence, by: 'test' })).toBe(true);
          await lane.retry(key, log);
        }
        const live = [await allRows(pool), parkedOf(await deadLetters(pool))];

        await emptyTables(pool);
        const anew = await startLane(pool, log, { write });
        // The retries above have read the log, in which nothing is unreadable.
        for (const record of await allOf(log)) await give(anew.lane, [record]);
        expect([await allRows(pool), parkedOf(await deadLetters(pool))]).toEqual(live);
      }),
      { numRuns: 15 },
    );
  });
});

const parkedOf = (rows: Record<string, unknown>[]) => rows.map(({ key, sequence }) => [key, sequence]);

/** All but the decisions. */
async function emptyTables(of: Pool): Promise<void> {
  const { rows } = await of.query('TABLE parley_operators.skipped_commits');
  await emptyReadModel(of);
  for (const row of rows) {
    const columns = Object.keys(row);
    await of.query(
      `INSERT INTO parley_operators.skipped_commits (${columns}) VALUES (${columns.map((_, n) => `$${n + 1}`)})`,
      Object.values(row),
    );
  }
}
