import { checkpointsOf, holderOf, LOCK_SPACE, misfitOf } from '@parley/projector';
import type { EventLog } from '@parley/runtime';
import { Client } from 'pg';
import { grouped } from '../log/counted.ts';
import { Unavailable } from '../run-command.ts';
import type { Limit } from './plan.ts';
import { RetentionRefused } from './retention-refused.ts';

const LIVE = 'read_model';
const PREVIOUS = 'read_model_previous';
/** Locks of LOCK_SPACE, with who holds them: each reads the log from its beginning. */
const READERS = [
  [3, 'a rebuild or rollback, or another retention'],
  [4, 'a verification'],
] as const;

/** What the read models still need of the log. */
interface ReadModelNeeds {
  /** A read model's own limit: the commit at a checkpoint proves that the log is the right one, so it stays too. */
  limits: Limit[];
  /** Subjects with a commit that operators decided to skip: their history cannot be folded. */
  skipped: ReadonlySet<string>;
  /** Throws when a commit up to there is parked. */
  refuseParked(through: number): Promise<void>;
}

/** Does the work while nobody rebuilds, rolls back or verifies. Throws Unavailable with who does. */
export async function withReadModelsAtRest<T>(
  databaseUrl: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'parley-retention',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // What lost it fails at the next statement; without a listener the process would end.
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (const [lock, who] of READERS) {
      const { rows } = await client.query('SELECT pg_try_advisory_lock($1, $2) AS held', [LOCK_SPACE, lock]);
      if (rows[0]?.held !== true) {
        const holder = await holderOf(client, lock);
        throw new Unavailable(
          `There runs ${who}${holder ? `: ${holder}` : ', or did at this moment: try again'}.`,
        );
      }
    }
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Throws RetentionRefused when the read model in use is not of this log. `oldThrough`: what is newer stays anyway, so that
 * who has applied that much keeps nothing but the commit at their checkpoint.
 */
export async function readModelNeeds(
  client: Client,
  log: EventLog,
  oldThrough: number,
): Promise<ReadModelNeeds> {
  const misfit = (await isThere(client, LIVE))
    ? await misfitOf(await checkpointsOf(client, LIVE), log)
    : 'there is none';
  if (misfit !== null) {
    throw new RetentionRefused(
      `The read model is not of this log: ${misfit}. See \`parley status\`; start a projector, or run \`parley rebuild\`.`,
    );
  }
  const limits: Limit[] = [];
  for (const [schema, who, remedy] of READ_MODELS) {
    if (await isThere(client, schema)) limits.push(await limitOf(client, schema, oldThrough, [who, remedy]));
  }
  return {
    limits,
    skipped: await skippedSubjects(client, log.epoch),
    refuseParked: (through) => refuseParked(client, through),
  };
}

const READ_MODELS = [
  [LIVE, 'the read model', 'start its projector: `parley status`'],
  [
    'read_model_next',
    'what a rebuild has begun',
    'run `parley rebuild` to its end, or `parley rebuild --dry-run`, which drops it',
  ],
  [
    PREVIOUS,
    'the replaced read model, kept for `parley rebuild --rollback`,',
    'it goes by itself when its time is over',
  ],
] as const;

async function isThere(client: Client, schema: string): Promise<boolean> {
  const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [
    `${schema}.checkpoints`,
  ]);
  return rows[0]?.there === true;
}

async function limitOf(
  client: Client,
  schema: string,
  oldThrough: number,
  [who, remedy]: readonly [string, string],
): Promise<Limit> {
  const sequences = (await checkpointsOf(client, schema)).map(({ sequence }) => sequence);
  const applied = sequences.length === 0 ? 0 : Math.min(...sequences);
  const through = Math.max(0, applied - 1);
  if (applied >= oldThrough) {
    return { through, because: `the newest commit that ${who} has applied stays`, isOrdinary: true };
  }
  return { through, because: `${who} has applied no more than ${grouped(applied)}; ${remedy}` };
}

async function skippedSubjects(client: Client, epoch: string): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ subject: string }>(
    'SELECT DISTINCT subject FROM parley_operators.skipped_commits WHERE epoch = $1',
    [epoch],
  );
  return new Set(rows.map(({ subject }) => subject));
}

/** The replaced read model's count as well: a rollback needs them. */
async function refuseParked(client: Client, through: number): Promise<void> {
  for (const schema of [LIVE, PREVIOUS]) {
    if (!(await isThere(client, schema))) continue;
    const { rows } = await client.query<{ key: string; sequence: string }>(
      `SELECT key, sequence FROM ${schema}.dead_letters WHERE sequence <= $1 ORDER BY sequence LIMIT 1`,
      [through],
    );
    const [parked] = rows;
    if (!parked) continue;
    throw new RetentionRefused(
      `Commit ${parked.sequence} of ${parked.key} waits to be applied to ${schema}, and would be removed. Deal with it ` +
        'first: `parley dead-letters list`, `retry`, `skip`; read_model_previous goes by itself when its time is over.',
    );
  }
}
