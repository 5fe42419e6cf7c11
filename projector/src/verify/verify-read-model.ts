import { parseSubject } from '@parley/contracts';
import type { EventLog, Logger } from '@parley/runtime';
import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { LOCK_SPACE } from '../ownership.ts';
import { READ_MODEL } from '../read-model.ts';
import { type CommitSource, logSource } from '../rebuild/commit-source.ts';
import { checkpointsOf, misfitOf } from '../rebuild/live-read-model.ts';
import { NewReadModel } from '../rebuild/new-read-model.ts';
import { countParked, type Parked, type ParkedOnce, parkedOnlyIn } from '../rebuild/parked-commits.ts';
import { holderOf, withRebuildClient } from '../rebuild/rebuild-lock.ts';
import { tellTrouble } from '../rebuild/tell-trouble.ts';
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
  /** Where commits come from when not from the log alone. */
  archive?: CommitSource;
  /** Percent of conversations and users; all unless told. */
  sample?: number;
  signal?: AbortSignal;
  /** Commits folded so far, and how many there are to fold. */
  onFold?: (done: number, of: number) => void;
  onTable?: (comparison: TableComparison) => void;
  /** Why the fold waits at the moment. */
  onTrouble?: (text: string) => void;
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
  /** What waits as dead letters in the read model in use; all of it is left out on both sides. */
  parked: Parked;
  /** Of what waits only there, or only when the log is folded by this build; a sample tells of its own only. */
  parkedOnce: { live: ParkedOnce[]; log: ParkedOnce[] };
  /** The log's first commit: events from before it are known to the archive alone, and not traced. */
  logBegins: number;
  /** Rows that either side has of what was compared. */
  rows: number;
  /** Something was compared, and all of it is what the log says. */
  clean: boolean;
}

const NOTHING_COMPARED = {
  tables: [],
  parked: { keys: 0, commits: 0 },
  parkedOnce: { live: [], log: [] },
};

/**
 * Folds the log into tables of its own and compares the read model in use with them, both at the same place in the log.
 * Projectors and readers go on meanwhile. Throws VerifyRefused when another verification runs or the log has no beginning.
 */
export async function verifyReadModel(options: VerifyOptions): Promise<VerifyReport> {
  return withClient(options.databaseUrl, async (live) => {
    await lockOut(live);
    const checkpoints = await filledCheckpoints(live);
    const misfit = await misfitOf(checkpoints, options.log);
    if (misfit !== null) return reportOf(options, checkpoints, misfit);
    await refuseWithoutBeginning(options);
    const { log, databaseUrl, logger, signal } = options;
    const scratch = await NewReadModel.create({
      ...{ log, databaseUrl, logger, schema: SCRATCH, epoch: log.epoch, lanes: checkpoints.length },
      ...(signal && { signal }),
    });
    try {
      // Most of the fold is done before the snapshot is taken: a snapshot keeps Postgres from cleaning up.
      return await tellTrouble(
        scratch,
        (text) => options.onTrouble?.(text),
        async () => {
          await foldTo(scratch, checkpoints, options);
          return compareNow(live, scratch, options);
        },
      );
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
  if (misfit !== null) return reportOf(options, checkpoints, misfit);
  await foldTo(scratch, checkpoints, options);
  const ours = { client: live, schema: READ_MODEL };
  const { comparisons, parkedOnce } = await withClient(databaseUrl, async (folded) => {
    await folded.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const right = { client: folded, schema: SCRATCH };
    const comparisons = await compareReadModels({
      left: ours,
      right,
      sample,
      onTable: (comparison) => {
        signal?.throwIfAborted();
        onTable?.(comparison);
      },
    });
    const onlyOurs = await parkedOnlyIn(ours, right, checkpoints);
    const onlyLog = await parkedOnlyIn(right, ours, checkpoints);
    return { comparisons, parkedOnce: { live: onlyOurs.filter(inSample(sample)), log: onlyLog } };
  });
  const until = Math.max(...checkpoints.map(({ sequence }) => sequence));
  const tables: VerifiedTable[] = [];
  for (const comparison of comparisons) {
    const { table, first } = comparison;
    const events = first === null ? [] : await eventsOfRow(log, { table, key: first.key }, until);
    tables.push({ ...comparison, events });
  }
  const parked = await countParked(live, READ_MODEL);
  return reportOf(options, checkpoints, null, { tables, parked, parkedOnce });
}

const inSample =
  (percent: number) =>
  ({ subject }: ParkedOnce): boolean => {
    const aggregate = parseSubject(subject);
    return aggregate === null || isSampled(aggregate, percent);
  };

async function reportOf(
  { log, sample = 100 }: VerifyOptions,
  checkpoints: readonly Checkpoint[],
  misfit: string | null,
  found: Pick<VerifyReport, 'tables' | 'parked' | 'parkedOnce'> = NOTHING_COMPARED,
): Promise<VerifyReport> {
  const lanes = checkpoints.map(({ lane, sequence }) => ({ lane, sequence }));
  const { first: logBegins } = await log.bounds();
  const rows = found.tables.reduce((sum, table) => sum + Math.max(table.rows.left, table.rows.right), 0);
  // A sample of nothing says nothing; an empty read model of an empty log is right.
  const clean = misfit === null && found.tables.every(isEqual) && (rows > 0 || sample === 100);
  return { epoch: log.epoch, lanes, sample, misfit, ...found, logBegins, rows, clean };
}

async function foldTo(
  scratch: NewReadModel,
  checkpoints: readonly Checkpoint[],
  { log, archive, sample = 100, onFold }: VerifyOptions,
): Promise<void> {
  const head = Math.max(...checkpoints.map(({ sequence }) => sequence));
  await scratch.foldTo(checkpoints, archive ?? logSource(log), {
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

async function refuseWithoutBeginning({ log, archive }: VerifyOptions): Promise<void> {
  const { first } = await log.bounds();
  if (first === 1 || archive) return;
  throw new VerifyRefused(
    `The log begins at ${first}: what was before is in its archive. Say where that is: --from-archive <folder>.`,
  );
}

async function lockOut(client: Client): Promise<void> {
  const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
    LOCK_SPACE,
    VERIFY_LOCK,
  ]);
  if (rows[0]?.held) return;
  const holder = await holderOf(client, VERIFY_LOCK);
  throw new VerifyRefused(
    holder === null
      ? 'Another verification of this read model ran at this moment: try again.'
      : `Another verification of this read model runs: ${holder}.`,
  );
}

function withClient<T>(databaseUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  return withRebuildClient(databaseUrl, work, 'parley-verify');
}
