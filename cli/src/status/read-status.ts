import { checkpointsOf, LOCK_SPACE, misfitOf } from '@parley/projector';
import type { EventLog } from '@parley/runtime';
import { Client } from 'pg';
import { Unavailable } from '../run-command.ts';
import type { LogSize, LogSizes } from './log-size.ts';

/** Locks of `LOCK_SPACE`, of whoever projects and of whoever rebuilds. */
const PROJECTOR_LOCK = 1;
const REBUILD_LOCK = 3;
const NEXT = 'read_model_next';
const SCHEMAS = ['read_model', NEXT, 'read_model_previous'];

export interface LaneStatus {
  lane: number;
  sequence: number;
  lagCommits: number;
  /** Between the storing of the commit at the checkpoint and of the newest one; null when either is gone. */
  lagSeconds: number | null;
  ownerEpoch: number;
}

interface SchemaStatus {
  name: string;
  bytes: number;
  /** What is known of it: the phase of a rebuild, until when it is kept. */
  phase: string | null;
  switchedAt: string | null;
  keepUntil: string | null;
  startedAt: string | null;
  /** What a rebuild is made from; `previous`: a rollback. */
  source: string | null;
}

export interface Status {
  log: { epoch: string; first: number; last: number; newestAt: string | null } & LogSize;
  lanes: LaneStatus[];
  /** Why the read model is not of this log; null when it is. */
  diverged: string | null;
  /** The session that projects; null = none does. */
  owner: { pid: number; name: string; address: string | null; since: string } | null;
  deadLetters: { keys: number; commits: number };
  skipped: number;
  schemas: SchemaStatus[];
  /** A rebuild or rollback that was begun and that nobody is at; null = there is none. */
  stopped: { startedAt: string; isRollback: boolean } | null;
  /** The read model is of this log, somebody projects, and nothing waits for an operator. */
  healthy: boolean;
}

/** How the log and the read model are now. Throws Unavailable when there is no read model of this release. */
export async function readStatus(log: EventLog, sizes: LogSizes, databaseUrl: string): Promise<Status> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'parley-status',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await statusOf(log, await sizes.read(), client);
  } finally {
    await client.end();
  }
}

async function statusOf(log: EventLog, size: LogSize, client: Client): Promise<Status> {
  const counts = await countsOf(client);
  const checkpoints = await checkpointsOf(client, 'read_model');
  // After the checkpoints, which are never ahead of what the log holds by then.
  const diverged = await misfitOf(checkpoints, log);
  const { first, last } = await log.bounds();
  const newest = last < first ? null : await log.at(last);
  const lanes = await Promise.all(
    checkpoints.map(async ({ lane, sequence, ownerEpoch }) => {
      const reached = sequence > 0 ? await log.at(sequence) : null;
      const lagSeconds = reached && newest ? Math.max(0, newest.storedAt - reached.storedAt) / 1_000 : null;
      return { lane, sequence, lagCommits: Math.max(0, last - sequence), lagSeconds, ownerEpoch };
    }),
  );
  const owner = await ownerOf(client, PROJECTOR_LOCK);
  const schemas = await schemasOf(client);
  const stopped = (await ownerOf(client, REBUILD_LOCK)) === null ? stoppedIn(schemas) : null;
  return {
    log: {
      epoch: log.epoch,
      first,
      last,
      newestAt: newest && new Date(newest.storedAt).toISOString(),
      ...size,
    },
    lanes,
    diverged,
    owner,
    ...counts,
    schemas,
    stopped,
    healthy: diverged === null && owner !== null && counts.deadLetters.keys === 0 && stopped === null,
  };
}

async function countsOf(client: Client): Promise<Pick<Status, 'deadLetters' | 'skipped'>> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('read_model.dead_letters') IS NOT NULL AS there`,
  );
  if (!there[0]?.there) {
    throw new Unavailable(
      'This database has no read model of this release: start a projector of it, which makes or migrates the tables.',
    );
  }
  const { rows } = await client.query<{ keys: number; commits: number; skipped: number }>(
    `SELECT count(DISTINCT key)::int AS keys, count(*)::int AS commits,
            (SELECT count(*)::int FROM parley_operators.skipped_commits) AS skipped
       FROM read_model.dead_letters`,
  );
  const { keys = 0, commits = 0, skipped = 0 } = rows[0] ?? {};
  return { deadLetters: { keys, commits }, skipped };
}

function stoppedIn(schemas: readonly SchemaStatus[]): Status['stopped'] {
  const begun = schemas.find(({ name }) => name === NEXT);
  if (!begun) return null;
  return { startedAt: begun.startedAt ?? 'an unknown time', isRollback: begun.source === 'previous' };
}

async function ownerOf(client: Client, lock: number): Promise<Status['owner']> {
  const { rows } = await client.query<{ pid: number; name: string; address: string | null; since: Date }>(
    `SELECT a.pid, a.application_name AS name, host(a.client_addr) AS address, a.backend_start AS since
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND l.objid::bigint = $2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_SPACE, lock],
  );
  const [owner] = rows;
  return owner ? { ...owner, since: owner.since.toISOString() } : null;
}

async function schemasOf(client: Client): Promise<SchemaStatus[]> {
  const { rows } = await client.query<{ name: string; bytes: string; comment: string | null }>(
    `SELECT n.nspname AS name, coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bytes,
            obj_description(n.oid, 'pg_namespace') AS comment
       FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
      WHERE n.nspname = ANY ($1) GROUP BY n.oid, n.nspname ORDER BY n.nspname`,
    [SCHEMAS],
  );
  return rows.map(({ name, bytes, comment }) => ({ name, bytes: Number(bytes), ...stateOf(comment) }));
}

type SchemaState = Omit<SchemaStatus, 'name' | 'bytes'>;

function stateOf(comment: string | null): SchemaState {
  let state: Partial<SchemaState> | null = null;
  try {
    state = JSON.parse(comment ?? '{}');
  } catch {
    // Somebody else's comment.
  }
  const { phase, switchedAt, keepUntil, startedAt, source } = state ?? {};
  return {
    phase: phase ?? null,
    switchedAt: switchedAt ?? null,
    keepUntil: keepUntil ?? null,
    startedAt: startedAt ?? null,
    source: source ?? null,
  };
}
