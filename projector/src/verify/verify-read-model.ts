import type { EventLog, Logger } from '@parley/runtime';
import { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { LOCK_SPACE } from '../ownership.ts';
import { READ_MODEL } from '../read-model.ts';
import { logSource } from '../rebuild/commit-source.ts';
import { checkpointsOf, misfitOf } from '../rebuild/live-read-model.ts';
import { NewReadModel } from '../rebuild/new-read-model.ts';
import { compareReadModels, isEqual, type TableComparison } from './compare-read-models.ts';
import { eventsOfRow, type TracedEvent } from './events-of-row.ts';
import { isSampled } from './sample.ts';

/** Of a verification; dropped by it, and by the next one where it was killed. */
const SCRATCH = 'read_model_verify';
const VERIFY_LOCK = 4;

/** A verification cannot be made now; the message says what to do. Nothing was changed. */
export class VerifyRefused extends Error {
  override name = 'VerifyRefused';
}

interface VerifyOptions {
  log: EventLog;
  databaseUrl: string;
  logger: Logger;
  /** Percent of conversations and users; all unless told. */
  sample?: number;
  signal?: AbortSignal;
  /** Commits folded so far, and how many there are to fold. */
  onFold?: (done: number, of: number) => void;
  onTable?: (comparison: TableComparison) => void;
}

/** A table's comparison; of the first row that differs, the events that should have made it. */
export interface VerifiedTable extends TableComparison {
  events: TracedEvent[];
}

export interface VerifyReport {
  epoch: string;
  /** Up to which commit of the log each lane was compared. */
  lanes: { lane: number; sequence: number }[];
  sample: number;
  /** Why the read model is not of this log at all, so that nothing was compared; null when it is. */
  misfit: string | null;
  tables: VerifiedTable[];
  clean: boolean;
}

/**
 * Folds the log into tables of its own and compares the read model in use with them, both at the same place in the log.
 * Projectors and readers go on meanwhile. Throws VerifyRefused when another verification runs or the log has no beginning.
 */
export async function verifyReadModel(options: VerifyOptions): Promise<VerifyReport> {
  return withClient(options.databaseUrl, async (live) => {
    await lockOut(live);
    const checkpoints = await filledCheckpoints(live);
    const misfit = await misfitOf(checkpoints, options.log);
    if (misfit !== null) return reportOf(options, checkpoints, misfit, []);
    await refuseWithoutBeginning(options.log);
    const { log, databaseUrl, logger, signal } = options;
    const scratch = await NewReadModel.create({
      ...{ log, databaseUrl, logger, schema: SCRATCH, epoch: log.epoch, lanes: checkpoints.length },
      ...(signal && { signal }),
    });
    try {
      // Most of the fold is done before the snapshot is taken: a snapshot keeps Postgres from cleaning up.
      await foldTo(scratch, checkpoints, options);
      return await compareNow(live, scratch, options);
    } finally {
      await scratch.drop();
    }
  });
}

async function compareNow(
  live: Client,
  scratch: NewReadModel,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { log, databaseUrl, sample = 100, signal, onTable } = options;
  await live.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const checkpoints = await filledCheckpoints(live);
  const misfit = await misfitOf(checkpoints, log);
  if (misfit !== null) return reportOf(options, checkpoints, misfit, []);
  await foldTo(scratch, checkpoints, options);
  const comparisons = await withClient(databaseUrl, async (folded) => {
    await folded.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return compareReadModels({
      left: { client: live, schema: READ_MODEL },
      right: { client: folded, schema: SCRATCH },
      sample,
      onTable: (comparison) => {
        signal?.throwIfAborted();
        onTable?.(comparison);
      },
    });
  });
  const until = Math.max(...checkpoints.map(({ sequence }) => sequence));
  const tables: VerifiedTable[] = [];
  for (const comparison of comparisons) {
    const { table, first } = comparison;
    const events = first === null ? [] : await eventsOfRow(log, { table, key: first.key }, until);
    tables.push({ ...comparison, events });
  }
  return reportOf(options, checkpoints, null, tables);
}

function reportOf(
  { log, sample = 100 }: VerifyOptions,
  checkpoints: readonly Checkpoint[],
  misfit: string | null,
  tables: VerifiedTable[],
): VerifyReport {
  const lanes = checkpoints.map(({ lane, sequence }) => ({ lane, sequence }));
  return { epoch: log.epoch, lanes, sample, misfit, tables, clean: misfit === null && tables.every(isEqual) };
}

async function foldTo(
  scratch: NewReadModel,
  checkpoints: readonly Checkpoint[],
  { log, sample = 100, onFold }: VerifyOptions,
): Promise<void> {
  const head = Math.max(...checkpoints.map(({ sequence }) => sequence));
  await scratch.foldTo(checkpoints, logSource(log), {
    ...(sample < 100 && { includes: (aggregate) => isSampled(aggregate, sample) }),
    ...(onFold && { onProgress: (sequence) => onFold(sequence, head) }),
  });
}

async function filledCheckpoints(client: Client): Promise<Checkpoint[]> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('${READ_MODEL}.checkpoints') IS NOT NULL AS there`,
  );
  return rows[0]?.there ? checkpointsOf(client, READ_MODEL) : [];
}

async function refuseWithoutBeginning(log: EventLog): Promise<void> {
  const { first } = await log.bounds();
  if (first === 1) return;
  throw new VerifyRefused(
    `The log begins at commit ${first}: what came before is only in the archive, so the read model cannot be folded from ` +
      'the log alone. `parley rebuild --from-archive DIR --dry-run` compares it with the archive and the log.',
  );
}

async function lockOut(client: Client): Promise<void> {
  const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
    LOCK_SPACE,
    VERIFY_LOCK,
  ]);
  if (rows[0]?.held) return;
  throw new VerifyRefused('Another verification of this read model runs: wait for it, or end it.');
}

/** Without a limit for statements: a table's sums take as long as the table is large. */
async function withClient<T>(databaseUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'parley-verify',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // What lost it fails at the next statement; without a listener the process would end.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
