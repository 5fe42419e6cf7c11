import type { Pool, PoolClient } from 'pg';
import type { Checkpoint } from './checkpoints.ts';
import { type DeadLetter, insertDeadLetters } from './dead-letters.ts';
import type { LaneChanges } from './projections/changes.ts';
import { RowsDisagree } from './send-rows.ts';
import { writeRows } from './write-rows.ts';

/** Another projector owns the lane, or its checkpoint is not where this one left it. */
export class OwnershipLost extends Error {
  override name = 'OwnershipLost';
}

export interface Batch {
  from: Checkpoint;
  to: { sequence: number; commitId: string };
  changes: LaneChanges;
  /** What is not in the changes although the checkpoint passes it. */
  parked?: readonly DeadLetter[];
}

/** Writes changes in the client's open transaction and returns the rows it sent: by statements, or new ones by COPY. */
export type RowWriter = (client: PoolClient, changes: LaneChanges) => Promise<number>;

/**
 * synchronous_commit: the checkpoint commits with the rows and the log is the truth, so a transaction that a crash of
 * Postgres loses is folded again. Plans are made for each batch: one kept from when a table was empty compared every row
 * of a batch with every row of the table later on (57 µs a row measured, 18 µs with a plan of its own).
 */
const BEGIN = 'BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL plan_cache_mode = force_custom_plan';

/**
 * Writes a batch's rows and its checkpoint in one transaction, and wakes who waits for the position; returns the number
 * of rows. A batch whose commit went through although its answer was lost is recognised and not written twice. Throws
 * OwnershipLost, having written nothing.
 */
export async function writeBatch(pool: Pool, batch: Batch, write: RowWriter = writeRows): Promise<number> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(BEGIN);
    if (!(await moveCheckpoint(client, batch))) {
      await client.query('ROLLBACK');
      await confirmWritten(client, batch);
      return 0;
    }
    const rows = await write(client, batch.changes);
    await insertDeadLetters(client, batch.parked ?? []);
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    await client.query('ROLLBACK').catch((fault: Error) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** First in the transaction: its row lock makes a zombie fail before it does any work. */
async function moveCheckpoint(client: PoolClient, { from, to }: Batch): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'move-checkpoint',
    text: `WITH moved AS (
             UPDATE checkpoints SET sequence = $4, commit_id = $5, updated_at = now()
              WHERE lane = $1 AND owner_epoch = $2 AND sequence = $3 RETURNING epoch, sequence)
           SELECT pg_notify('parley_position', epoch || ':' || sequence) FROM moved`,
    values: [from.lane, from.ownerEpoch, from.sequence, to.sequence, to.commitId],
  });
  return rowCount === 1;
}

async function confirmWritten(client: PoolClient, { from, to }: Batch): Promise<void> {
  const { rows } = await client.query<{ owner_epoch: string; sequence: string }>(
    'SELECT owner_epoch, sequence FROM checkpoints WHERE lane = $1',
    [from.lane],
  );
  const [row] = rows;
  if (Number(row?.owner_epoch) === from.ownerEpoch && Number(row?.sequence) === to.sequence) return;
  throw new OwnershipLost(
    `lane ${from.lane}: the checkpoint should be at ${from.sequence} of owner ${from.ownerEpoch}, ` +
      `it is at ${row?.sequence} of owner ${row?.owner_epoch}`,
  );
}

/** Too many rows for one, data that a column cannot hold, broken constraints. */
const REFUSED_STATES = /^(21|22|23)/;
/** A table or column is missing, or may not be used: the same for whatever is written. */
const BROKEN_STATES = /^42/;

/** The tables do not take these rows, and will not when they are written again. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof RowsDisagree || hasState(error, REFUSED_STATES);
}

/** Writing it again would fail again. */
export function isPermanent(error: unknown): error is Error {
  return isRefusal(error) || hasState(error, BROKEN_STATES);
}

function hasState(error: unknown, states: RegExp): boolean {
  return error instanceof Error && 'code' in error && states.test(String(error.code));
}
