/**
 * rebuild: all read models made anew from the log of IRC rooms, while the ones in use stay where they are.
 *
 * Method. The log is filled once with the commits that the IRC data makes, one event each, and the projector fills the
 * read model in use. Each run rebuilds in a fresh copy of that database, in a process of its own, which connects to the
 * log first. `seconds` goes from the call until the new tables are whole, with indexes and statistics: what is left is
 * comparing and exchanging, told as `compareSeconds` and `pauseMs`. The comparison must find no difference.
 *
 * Floor. The very rows, as the text that COPY takes, ready in the memory of a process of its own: COPY into the same tables without
 * any index, then the primary keys and indexes, then ANALYZE.
 *
 * Equal: rows, tables, indexes, Postgres and its settings, synchronous_commit off, memory for indexes, connections as
 * there are lanes, order of the rows in each table, what is written to disk before each run.
 * Not equal: the floor reads no log, decodes no JSON, folds nothing, checks no version, makes no tables, keeps no
 * checkpoint that a killed run goes on from, and needs no key while it loads.
 *
 * Beside it, as commands from the start of their process to its end: `parley verify` (a rebuild, a comparison of every
 * row, and dropping it again), `parley archive` beside an ordered consumer whose bytes go through gzip into a file, and
 * `parley export` beside an ordered consumer and JSON.parse. The floor of the export writes nothing: which format and
 * library write the rows is ours to choose, so what they cost is in the ratio.
 */
import { join } from 'node:path';
import type { PostgresServer } from '@parley/deploy/testing';
import { countRows, Databases } from './catch-up/databases.ts';
import type { Bench, BenchContext, BenchOptions, PreparedBench } from './frame/bench.ts';
import { cpuMicroseconds } from './frame/cpu.ts';
import type { Sample, Side } from './frame/interleave.ts';
import { serviceEnvironment, startPrivateServers } from './frame/private-servers.ts';
import type { RatioWish } from './frame/spread.ts';
import { Worker } from './frame/worker.ts';
import type { CopyOrder, CopyTimes } from './rebuild/copy-floor.ts';
import { startFilledLog } from './rebuild/filled-log.ts';
import { logSides, timed, verify } from './rebuild/log-sides.ts';
import { projectAll } from './rebuild/project-all.ts';
import type { RebuildOrder, RebuildTimes } from './rebuild/rebuilder.ts';
import { withCopyOf } from './rebuild/with-copy-of.ts';

const COMMITS = 100_000;
const QUICK_COMMITS = 30_000;
/** The database that the projector fills. */
const FILLED = 'parley';

export const rebuildBench: Bench = { name: 'rebuild', title: 'all read models from the IRC log', prepare };

const RATIOS: RatioWish[] = [
  { name: 'A/A: floor ÷ floor', of: 'floor again', over: 'floor', measure: 'rowsPerSecond' },
  { name: 'rebuild ÷ floor', of: 'rebuild', over: 'floor', measure: 'rowsPerSecond', aim: { atLeast: 0.5 } },
  {
    name: 'memory of a rebuild, whole log ÷ a tenth',
    of: 'rebuild',
    over: 'a tenth of the log',
    measure: 'peakMemoryMb',
  },
  { name: 'verify ÷ rebuild', of: 'verify', over: 'rebuild', measure: 'commitsPerSecond' },
  { name: 'archive ÷ gzip of the log', of: 'archive', over: 'gzip of the log', measure: 'commitsPerSecond' },
  {
    name: 'export ÷ decoded log',
    of: 'export to parquet',
    over: 'decoded log',
    measure: 'commitsPerSecond',
  },
];

interface Setting {
  dir: string;
  options: BenchOptions;
  natsUrl: string;
  postgres: PostgresServer;
  databases: Databases;
  commits: number;
  rows: number;
  lanes: number;
  /** What the tables must hold after each run. */
  counts: Record<string, number>;
}

async function prepare(context: BenchContext): Promise<PreparedBench> {
  const { dir, options, started } = context;
  const { replicas, quick } = options;
  const servers = await startPrivateServers(context);
  const commits = quick ? QUICK_COMMITS : COMMITS;
  const { nats, bytes } = await startFilledLog(context, commits);
  const natsUrl = await nats.leaderUrl('EVT');
  const { url } = servers.postgres;
  const env = serviceEnvironment(servers, { natsUrl, replicas });
  const { lanes } = await projectAll({ dir, env, databaseUrl: url, head: commits });
  const counts = await countRows(url);
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const floor = started.add(Worker.start('rebuild/copy-floor.js', { logFile: join(dir, 'floor.log') }));
  const { bytes: rowBytes } = await floor.call<{ bytes: number }>('prepare', { url });
  const databases = new Databases(servers.postgres);
  started.onStop(() => databases.close());
  await databases.makeBlank(FILLED);
  const { postgres } = servers;
  const setting: Setting = { dir, options, natsUrl, postgres, databases, commits, rows, lanes, counts };
  const place = { dir, natsUrl, commits, nodeArguments: options.nodeArguments };
  return {
    servers: { 'nats-server': nats.version, postgres: servers.postgres.version },
    parameters: {
      replicas,
      commits,
      logMb: bytes / 1e6,
      rows,
      rowsMb: rowBytes / 1e6,
      lanes,
      input: options.input === undefined ? 'shipped sample, repeated' : 'file given',
    },
    sides: [
      rebuildSide('rebuild', setting),
      copySide('floor', setting, floor),
      copySide('floor again', setting, floor),
      rebuildSide('a tenth of the log', setting, commits / 10),
      timed('verify', place, () => withCopyOf(postgres, FILLED, (databaseUrl) => verify(place, databaseUrl))),
      ...logSides(place),
    ],
    ratios: RATIOS,
  };
}

/** Each run in a process of its own: what an earlier one left on its heap would hide how much this one needs. */
function rebuildSide(name: string, setting: Setting, until?: number): Side {
  const { dir, options, natsUrl, postgres, commits, rows } = setting;
  const share = (until ?? commits) / commits;
  return {
    name,
    run: () =>
      withCopyOf(postgres, FILLED, async (databaseUrl) => {
        const { nodeArguments } = options;
        const worker = Worker.start('rebuild/rebuilder.js', {
          logFile: join(dir, 'rebuild.log'),
          nodeArguments,
        });
        try {
          const order: RebuildOrder = { natsUrl, databaseUrl, ...(until !== undefined && { until }) };
          const times = await worker.call<RebuildTimes>('rebuild', order);
          const { differences, ...told } = times;
          if (differences > 0)
            throw new Error(`${differences} rows of the new tables differ from the live ones`);
          const seconds = times.loadSeconds + times.indexSeconds;
          return {
            ...rates(seconds, rows * share, commits * share),
            ...told,
            processCpuUsPerCommit: cpuMicroseconds(worker.pid) / (commits * share),
          };
        } finally {
          await worker.stop();
        }
      }),
  };
}

function copySide(name: string, setting: Setting, worker: Worker): Side {
  const { databases, rows, commits, lanes, counts } = setting;
  return {
    name,
    run: () =>
      databases.withFresh(async (url) => {
        const order: CopyOrder = { url, connections: lanes };
        const before = cpuMicroseconds(worker.pid);
        const times = await worker.call<CopyTimes>('write', order);
        const cpuUs = cpuMicroseconds(worker.pid) - before;
        const found = JSON.stringify(await countRows(url));
        if (found !== JSON.stringify(counts)) throw new Error(`the tables hold ${found}`);
        const seconds = times.loadSeconds + times.indexSeconds;
        return { ...rates(seconds, rows, commits), ...times, processCpuUsPerCommit: cpuUs / commits };
      }),
  };
}

function rates(seconds: number, rows: number, commits: number): Sample {
  return { seconds, rowsPerSecond: rows / seconds, commitsPerSecond: commits / seconds };
}
