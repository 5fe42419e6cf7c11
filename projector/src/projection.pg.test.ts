import { randomUUID } from 'node:crypto';
import { conversationSubject, encodeCommit } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { askForRetry, isProjected, listDeadLetters, skipCommit } from './dead-letter-wishes.ts';
import { Projection } from './projection.ts';
import { openReadModel } from './read-model.ts';
import { created, numbered, sent, uuid } from './testing/commit.ts';
import { allRows, freshMetrics, logger, privatePostgres } from './testing/database.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let databaseUrl: string;
let pool: Pool;
const running: Projection[] = [];
beforeAll(async () => {
  postgres = await privatePostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  databaseUrl = await postgres.readModel();
  pool = openReadModel({ databaseUrl, connections: 4, name: 'test', logger });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((projection) => projection.stop()));
  await pool.end();
});

function project(log: MemoryEventLog, lanes = 2): Projection {
  const projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger, lanes });
  running.push(projection);
  return projection;
}

/** Conversations spread over the partitions, each of one message. */
async function converse(log: MemoryEventLog, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const conversationId = uuid(0xa0000000 + n);
    await log.append({
      subject: conversationSubject(conversationId),
      commitId: randomUUID(),
      payload: encodeCommit(
        numbered([created(['ann'], { conversationId }), sent(1, 'hi', { conversationId })]),
      ),
      expectedLastSequence: 0,
    });
  }
}

async function positions(): Promise<number[]> {
  const { rows } = await pool.query('SELECT sequence FROM read_model.checkpoints ORDER BY lane');
  return rows.map((row) => Number(row.sequence));
}

const patiently = { timeout: 20_000, interval: 50 };
const reached = (...expected: number[]) =>
  vi.waitFor(async () => expect(await positions()).toEqual(expected), patiently);

describe('a projection', () => {
  it('brings every lane to the head, also one that has nothing to do', async () => {
    const log = new MemoryEventLog();
    await converse(log, 0, 50);
    const projection = project(log, 4);
    await reached(50, 50, 50, 50);
    await converse(log, 50, 1);
    await reached(51, 51, 51, 51);
    expect(projection.fault).toBeNull();
    expect((await allRows(pool)).messages).toHaveLength(51);
  });

  it('continues where another stopped, with more lanes or fewer', async () => {
    const log = new MemoryEventLog();
    for (const [turn, lanes] of [2, 3, 1].entries()) {
      await converse(log, 20 * turn, 20);
      const projection = project(log, lanes);
      await reached(...Array.from({ length: lanes }, () => 20 * (turn + 1)));
      await projection.stop();
    }
    expect((await allRows(pool)).conversations.map(({ version }) => version)).toEqual(Array(60).fill(2));
  });

  it('waits while another owns the lanes and takes over when that one loses its lock', async () => {
    const log = new MemoryEventLog();
    const owner = project(log);
    await vi.waitFor(() => expect(owner.state.kind).toBe('running'), patiently);
    const standby = project(log);
    await vi.waitFor(() => expect(standby.state.kind).toBe('standby'), patiently);
    expect(standby.fault).toBeNull();
    await owner.stop();
    await vi.waitFor(() => expect(standby.state.kind).toBe('running'), patiently);
    await converse(log, 0, 5);
    await reached(5, 5);
  });

  it('stops writing when its lock is gone, and there is one owner again', async () => {
    const log = new MemoryEventLog();
    const both = [project(log), project(log)];
    const kinds = () => both.map(({ state }) => state.kind).sort();
    await vi.waitFor(() => expect(kinds()).toEqual(['running', 'standby']), patiently);
    const before = await ownerEpochs();
    await pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    await vi.waitFor(async () => {
      expect(kinds()).toEqual(['running', 'standby']);
      expect(await ownerEpochs()).not.toEqual(before);
    }, patiently);
    await converse(log, 0, 5);
    await reached(5, 5);
  });

  it('goes on after Postgres was killed, says so in between, and loses nothing', async () => {
    const log = new MemoryEventLog();
    const projection = project(log);
    await converse(log, 0, 5);
    await reached(5, 5);
    await postgres.server.kill();
    await converse(log, 5, 5);
    await vi.waitFor(() => expect(projection.fault).not.toBeNull(), patiently);
    await postgres.server.restart();
    await reached(10, 10);
    await vi.waitFor(() => expect(projection.fault).toBeNull(), patiently);
    expect((await allRows(pool)).messages).toHaveLength(10);
  });
});

it('what operators wish of dead letters is done, also what they wished while nobody projected', async () => {
  const log = new MemoryEventLog();
  await converse(log, 0, 3);
  const rooms = [uuid(0xa0000000), uuid(0xa0000001)];
  for (const [n, room] of rooms.entries()) {
    const subject = conversationSubject(room);
    const payload = new TextEncoder().encode('unreadable');
    await log.append({ subject, commitId: `bad-${n}`, payload, expectedLastSequence: n + 1 });
    const next = encodeCommit(numbered([sent(2, 'after', { conversationId: room })], 4));
    await log.append({ subject, commitId: `next-${n}`, payload: next, expectedLastSequence: 4 + 2 * n });
  }
  const keys = rooms.map((room) => `conv.${room}`);
  const [first = '', second = ''] = keys;
  const projection = project(log);
  await reached(7, 7);
  expect(projection.fault).toBeNull();
  expect(await listDeadLetters(pool)).toMatchObject([
    { key: first, sequence: 4, commits: 2, attempts: 1 },
    { key: second, sequence: 6, commits: 2, attempts: 1 },
  ]);
  expect(await isProjected(pool)).toBe(true);

  await skipCommit(pool, { key: first, sequence: 4, by: 'test' });
  await askForRetry(pool, keys);
  await vi.waitFor(
    async () =>
      expect(await listDeadLetters(pool)).toMatchObject([
        { key: second, attempts: 2, retryWanted: false, reason: expect.stringContaining('not JSON') },
      ]),
    patiently,
  );
  await projection.stop();
  expect(await isProjected(pool)).toBe(false);
  await skipCommit(pool, { key: second, sequence: 6, by: 'test' });
  await askForRetry(pool, [second]);
  project(log);
  await vi.waitFor(async () => expect(await listDeadLetters(pool)).toEqual([]), patiently);
  expect((await allRows(pool)).messages.map(({ body }) => body)).toEqual([
    'hi',
    'after',
    'hi',
    'after',
    'hi',
  ]);
});

async function ownerEpochs(): Promise<string[]> {
  const { rows } = await pool.query('SELECT owner_epoch FROM read_model.checkpoints');
  return rows.map((row) => row.owner_epoch);
}

describe('on another log', () => {
  const epoch = randomUUID();

  it.each([
    ['of another epoch', new MemoryEventLog(), 5, 'its epoch is'],
    ['that lost its tail', new MemoryEventLog({ epoch }), 3, 'it ends at 3, the checkpoint is at 5'],
    ['that holds another commit there', new MemoryEventLog({ epoch }), 6, 'the checkpoint says'],
  ])('%s a projection halts, says what to do, and writes nothing', async (_, other, count, reason) => {
    const log = new MemoryEventLog({ epoch });
    const first = project(log);
    await converse(log, 0, 5);
    await reached(5, 5);
    await first.stop();
    const before = [await allRows(pool), (await pool.query('TABLE read_model.checkpoints')).rows];
    await converse(other, 100, count);
    const projection = project(other);
    await vi.waitFor(() => expect(projection.state.kind).toBe('halted'), patiently);
    expect(projection.fault).toContain(reason);
    expect(projection.fault).toContain('parley rebuild');
    expect([await allRows(pool), (await pool.query('TABLE read_model.checkpoints')).rows]).toEqual(before);
  });
});
