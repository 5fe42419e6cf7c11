import { parseSubject } from '@parley/contracts';
import type { EventLog, Logger } from '@parley/runtime';
import type { ClientBase } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { openReadModel } from '../read-model.ts';
import { retryParked } from '../retry-parked.ts';
import { checkpointsOf } from './live-read-model.ts';
import { RebuildRefused, withRebuildClient } from './rebuild-lock.ts';
import { NEXT, READ_MODEL } from './schema-state.ts';

/** What a fold could not apply, with the conversation's or user's later commits behind it. */
export interface Parked {
  /** Conversations, users and commits of cursors. */
  keys: number;
  commits: number;
}

/** A key of which commits wait in one read model and not in the other. */
export interface ParkedOnce {
  key: string;
  /** Of the first of these commits. */
  sequence: number;
  subject: string;
  reason: string | null;
}

export async function countParked(client: ClientBase, schema: string): Promise<Parked> {
  const { rows } = await client.query<Parked>(
    `SELECT count(DISTINCT key)::int AS keys, count(*)::int AS commits FROM ${schema}.dead_letters`,
  );
  return rows[0] ?? { keys: 0, commits: 0 };
}

/** What waits in `one` at these checkpoints and not in `other`, in log order. The clients may be the same. */
export async function parkedOnlyIn(
  one: { client: ClientBase; schema: string },
  other: { client: ClientBase; schema: string },
  checkpoints: readonly Pick<Checkpoint, 'sequence'>[],
): Promise<ParkedOnce[]> {
  const ours = await firstParked(one);
  const theirs = new Map((await firstParked(other)).map(({ place, sequence }) => [place, sequence]));
  return ours
    .filter(({ place, sequence, subject }) => {
      const lane = (parseSubject(subject)?.partition ?? 0) % Math.max(1, checkpoints.length);
      return sequence < (theirs.get(place) ?? Infinity) && sequence <= (checkpoints[lane]?.sequence ?? 0);
    })
    .map(({ place: _, ...first }) => first)
    .sort((a, b) => a.sequence - b.sequence);
}

/** Of a key, behind whose first commit all others wait; of cursors, which do not wait for each other, every commit. */
async function firstParked({
  client,
  schema,
}: {
  client: ClientBase;
  schema: string;
}): Promise<(ParkedOnce & { place: string })[]> {
  const { rows } = await client.query(
    `SELECT DISTINCT ON (place) place, key, sequence, subject, reason
       FROM (SELECT CASE WHEN key LIKE 'reads.%' THEN key || '@' || sequence ELSE key END AS place, *
               FROM ${schema}.dead_letters) AS parked
      ORDER BY place, sequence`,
  );
  return rows.map((row) => ({ ...row, sequence: Number(row.sequence) }));
}

/** The new read model parks what the live one has applied: it would show less than before. Going on retries it. */
export class ParksMore extends RebuildRefused {
  constructor(parked: readonly ParkedOnce[]) {
    const [first] = parked;
    super(
      `${parked.length} conversations or users cannot be folded by this command although the live read model has them, ` +
        `${first?.key} from commit ${first?.sequence} on: ${first?.reason}. Nothing was exchanged. Use the release of the ` +
        'projector that could read it; or, if the live rows are wrong, look at it with `parley show` and wait until the projector parks it too.',
    );
  }
}

/**
 * Applies what an operator has had retried or skipped in the live read model since the new one met it. Call it while
 * nothing else writes the new one.
 */
export async function retryLikeLive(options: {
  databaseUrl: string;
  log: EventLog;
  logger: Logger;
}): Promise<void> {
  const { databaseUrl, log, logger } = options;
  const { checkpoints, keys } = await withRebuildClient(databaseUrl, async (client) => ({
    checkpoints: await checkpointsOf(client, NEXT),
    keys: await parkedOnlyIn(
      { client, schema: NEXT },
      { client, schema: READ_MODEL },
      await checkpointsOf(client, READ_MODEL),
    ),
  }));
  if (keys.length === 0) return;
  const pool = openReadModel({ databaseUrl, connections: 2, name: 'parley-rebuild', logger, schema: NEXT });
  try {
    for (const { key, subject } of keys) {
      const lane = (parseSubject(subject)?.partition ?? 0) % checkpoints.length;
      const checkpoint = checkpoints[lane];
      if (checkpoint) await retryParked(key, { pool, log, checkpoint, write: undefined });
    }
  } finally {
    await pool.end();
  }
}
