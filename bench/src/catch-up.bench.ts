/**
 * catch-up: the real projector folds a whole log of IRC rooms into an empty database.
 *
 * Method. The log is filled once with the commits that the IRC data makes, one event each. Each run starts the
 * projector's process on a fresh database (tables and indexes are there, rows are not) and ends when the checkpoint of
 * every lane is at the head. `seconds` counts from the moment the lanes are claimed, because the floor starts no process
 * either; `secondsFromStart` counts from the spawn. The checkpoints are polled every 10 ms. Afterwards every table must have as many rows
 * as in the first, separate run.
 *
 * Floor. The very rows that the projector made, read back and ready in memory, written by a process of its own with one
 * `INSERT … SELECT FROM unnest` per 5,000 rows of a table, each batch a transaction, no logic.
 *
 * Equal: rows, tables, indexes, Postgres and its settings, synchronous_commit off, connections as the projector has
 * lanes, order of the rows in each table, an empty database before each run.
 * Not equal: the floor reads no log, decodes no JSON, folds nothing, checks no version, moves no checkpoint, updates no
 * row twice (a conversation's row changes in every batch of the projector), and its values are text already.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { countRows, Databases } from './catch-up/databases.ts';
import type { PrepareOrder, WriteOrder } from './catch-up/floor-writer.ts';
import { ircCommits } from './catch-up/irc-commits.ts';
import { readRooms } from './catch-up/read-lines.ts';
import type { Bench, BenchContext, PreparedBench } from './frame/bench.ts';
import { cpuMicroseconds } from './frame/cpu.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { startLogServer } from './frame/nats.ts';
import { openPool } from './frame/pool.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import { type Service, startService } from './frame/service.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';

const COMMITS = 100_000;
const QUICK_COMMITS = 20_000;
const APPENDS_IN_FLIGHT = 256;
const BATCH_ROWS = 5_000;
const POLL_MS = 10;
const RUN_DEADLINE_MS = 60_000;
const SAMPLE = fileURLToPath(new URL('../../cli/data/ubuntu-irc-sample.ndjson.gz', import.meta.url));

export const catchUpBench: Bench = { name: 'catch-up', title: 'projector catch-up on the IRC log', prepare };

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'rowsPerSecond' },
  {
    name: 'projector ÷ floor',
    of: 'projector',
    over: 'floor',
    measure: 'rowsPerSecond',
    aim: { atLeast: 0.6 },
  },
];

interface Reference {
  events: number;
  /** Sequence that every checkpoint must reach. */
  head: number;
  lanes: number;
  rows: Record<string, number>;
  total: number;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas, quick } = options;
  const servers = await startPrivateServers(context);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  started.onStop(() => opened.close());
  const input = options.input ?? SAMPLE;
  if (!existsSync(input)) throw new Error(`there is no ${input}: name a file of IRC lines with --input`);
  const filled = await fill(opened.log, input, quick ? QUICK_COMMITS : COMMITS);
  const env = serviceEnvironment(servers, { natsUrl: await nats.leaderUrl('EVT'), replicas });
  const databases = new Databases(servers.postgres);
  started.onStop(() => databases.close());
  const { nodeArguments } = options;
  const catchUp = (url: string) =>
    project({ dir, env: { ...env, DATABASE_URL: url }, nodeArguments, url, head: filled.head });
  const { lanes } = await catchUp(servers.postgres.url);
  const rows = await countRows(servers.postgres.url);
  const writer = started.add(Worker.start('catch-up/floor-writer.js', { logFile: join(dir, 'floor.log') }));
  const order: PrepareOrder = { url: servers.postgres.url, batchRows: BATCH_ROWS };
  await writer.call('prepare', order);
  await databases.makeBlank(new URL(servers.postgres.url).pathname.slice(1));
  const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
  const reference: Reference = { ...filled, lanes, rows, total };
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      commits: filled.head,
      events: filled.events,
      rows: total,
      lanes,
      batchRows: BATCH_ROWS,
      input: options.input === undefined ? 'shipped sample, repeated' : 'file given',
    },
    sides: [
      ours(databases, reference, catchUp),
      floor('floor', databases, reference, writer),
      floor('floor again', databases, reference, writer),
    ],
    ratios: RATIOS,
  };
}

async function fill(
  log: EventLog,
  input: string,
  commits: number,
): Promise<{ events: number; head: number }> {
  const source = ircCommits(await readRooms(input), commits);
  let events = 0;
  const append = async () => {
    // One shared generator: a commit is sent in the order in which it was made, on one connection.
    for (let next = source.next(); !next.done; next = source.next()) {
      const { events: made, ...commit } = next.value;
      events += made;
      await log.append({ ...commit, expectedLastSequence: 'any' });
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, append));
  const { last } = await log.bounds();
  if (last !== commits) throw new Error(`the log holds ${last} commits instead of ${commits}`);
  return { events, head: last };
}

interface Projected {
  seconds: number;
  secondsFromStart: number;
  lanes: number;
  cpuUs: number;
}

async function project(run: {
  dir: string;
  env: Record<string, string>;
  nodeArguments: readonly string[];
  url: string;
  head: number;
}): Promise<Projected> {
  const { dir, env, nodeArguments, url, head } = run;
  const pool = openPool(url);
  const spawned = performance.now();
  const service = await startService({ name: 'projector', dir, env, nodeArguments, waitFor: 'nothing' });
  try {
    const claimed = await until(pool, service, ({ lanes }) => lanes > 0);
    const reached = await until(pool, service, ({ lowest }) => lowest >= head);
    return {
      seconds: (reached.at - claimed.at) / 1_000,
      secondsFromStart: (reached.at - spawned) / 1_000,
      lanes: reached.lanes,
      cpuUs: cpuMicroseconds(service.pid),
    };
  } finally {
    await service.stop();
    await pool.end();
  }
}

interface Checkpoints {
  lanes: number;
  lowest: number;
}

async function until(
  pool: Pool,
  service: Service,
  holds: (checkpoints: Checkpoints) => boolean,
): Promise<Checkpoints & { at: number }> {
  const deadline = performance.now() + RUN_DEADLINE_MS;
  for (;;) {
    const checkpoints = await readCheckpoints(pool);
    const at = performance.now();
    if (holds(checkpoints)) return { ...checkpoints, at };
    if (at > deadline) throw new Error(`the projector stays at ${checkpoints.lowest}:\n${service.logTail()}`);
    await after(POLL_MS);
  }
}

async function readCheckpoints(pool: Pool): Promise<Checkpoints> {
  try {
    const { rows } = await pool.query(
      'SELECT count(*)::int AS lanes, coalesce(min(sequence), 0)::int AS lowest FROM read_model.checkpoints',
    );
    return rows[0];
  } catch (error) {
    // Before the first migration there is no such table.
    if (error instanceof Error && 'code' in error && error.code === '42P01') return { lanes: 0, lowest: 0 };
    throw error;
  }
}

function ours(
  databases: Databases,
  reference: Reference,
  catchUp: (url: string) => Promise<Projected>,
): Side {
  return {
    name: 'projector',
    run: () =>
      databases.withFresh(async (url) => {
        const { seconds, secondsFromStart, cpuUs } = await catchUp(url);
        await requireRows(url, reference);
        return {
          ...rates(reference, seconds),
          secondsFromStart,
          processCpuUsPerEvent: cpuUs / reference.events,
        };
      }),
  };
}

function floor(name: string, databases: Databases, reference: Reference, writer: Worker): Side {
  return {
    name,
    run: () =>
      databases.withFresh(async (url) => {
        const order: WriteOrder = { url, connections: reference.lanes };
        const cpuBefore = cpuMicroseconds(writer.pid);
        const { seconds } = await writer.call<{ seconds: number }>('write', order);
        const cpuUs = cpuMicroseconds(writer.pid) - cpuBefore;
        await requireRows(url, reference);
        return { ...rates(reference, seconds), processCpuUsPerEvent: cpuUs / reference.events };
      }),
  };
}

function rates({ events, total }: Reference, seconds: number): Sample {
  return { seconds, eventsPerSecond: events / seconds, rowsPerSecond: total / seconds };
}

async function requireRows(url: string, { rows }: Reference): Promise<void> {
  const found = await countRows(url);
  if (JSON.stringify(found) === JSON.stringify(rows)) return;
  throw new Error(`the tables hold ${JSON.stringify(found)} instead of ${JSON.stringify(rows)}`);
}
