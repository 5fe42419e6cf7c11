import type { EventLog } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';

/** How far a lane has come, and whose it is. */
export interface Checkpoint {
  lane: number;
  epoch: string;
  sequence: number;
  /** Id of the commit at `sequence`, whichever lane it belongs to: the proof that the log is still the same. */
  commitId: string;
  ownerEpoch: number;
}

/** The log is not the one that the read model was folded from, so nothing may be written. */
export class Diverged extends Error {
  override name = 'Diverged';
}

interface CheckpointRow {
  lane: number;
  epoch: string;
  sequence: string;
  commit_id: string;
  owner_epoch: string;
}

const COLUMNS = 'lane, epoch, sequence, commit_id, owner_epoch';

/**
 * Makes this process the only one whose transactions pass: compares every checkpoint with the log, then raises
 * `owner_epoch`. Call it with the projector's lock held. Throws Diverged, having written nothing.
 */
export async function claimLanes(pool: Pool, log: EventLog, lanes: number): Promise<Checkpoint[]> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const stored = await lockedCheckpoints(client);
    for (const checkpoint of stored) await compareWithLog(checkpoint, log);
    await layOut(client, stored, log.epoch, lanes);
    const { rows } = await client.query<CheckpointRow>(
      `UPDATE checkpoints SET owner_epoch = owner_epoch + 1, updated_at = now() RETURNING ${COLUMNS}`,
    );
    await client.query('COMMIT');
    return rows.map(toCheckpoint).sort((a, b) => a.lane - b.lane);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** The locks hold a zombie's transaction back until this one has made it fail. */
async function lockedCheckpoints(client: PoolClient): Promise<Checkpoint[]> {
  const { rows } = await client.query<CheckpointRow>(
    `SELECT ${COLUMNS} FROM checkpoints ORDER BY lane FOR UPDATE`,
  );
  return rows.map(toCheckpoint);
}

/**
 * One row per lane. When their number has changed every lane starts at the lowest checkpoint: the folds pass over what
 * is applied already.
 */
async function layOut(client: PoolClient, stored: Checkpoint[], epoch: string, lanes: number): Promise<void> {
  if (stored.length === lanes) return;
  const lowest = stored.toSorted((a, b) => a.sequence - b.sequence)[0];
  const ownerEpoch = Math.max(0, ...stored.map((checkpoint) => checkpoint.ownerEpoch));
  await client.query('DELETE FROM checkpoints');
  await client.query(
    `INSERT INTO checkpoints (${COLUMNS}, updated_at)
     SELECT lane, $2, $3, $4, $5, now() FROM generate_series(0, $1::int - 1) AS lane`,
    [lanes, epoch, lowest?.sequence ?? 0, lowest?.commitId ?? '', ownerEpoch],
  );
}

const WHAT_TO_DO =
  'Nothing was written. If this log is the right one, fold it anew with `parley rebuild`; else give this projector the' +
  ' log that the read model was built from.';

async function compareWithLog({ lane, epoch, sequence, commitId }: Checkpoint, log: EventLog): Promise<void> {
  const diverged = (what: string) =>
    new Diverged(`The log is not the one of the read model (lane ${lane}): ${what}. ${WHAT_TO_DO}`);
  if (epoch !== log.epoch) throw diverged(`its epoch is ${log.epoch}, the checkpoint says ${epoch}`);
  const { first, last } = await log.bounds();
  if (sequence > last) throw diverged(`it ends at ${last}, the checkpoint is at ${sequence}`);
  if (sequence + 1 < first) {
    throw diverged(
      `it begins at ${first}, the checkpoint is at ${sequence}, and what is between can only come from an archive` +
        ' (`parley rebuild --from-archive <folder>`)',
    );
  }
  if (sequence === 0) return;
  const commit = await log.at(sequence);
  if (commit?.commitId === commitId) return;
  throw diverged(
    `commit ${sequence} is ${commit ? commit.commitId : 'gone'}, the checkpoint says ${commitId}`,
  );
}

function toCheckpoint(row: CheckpointRow): Checkpoint {
  return {
    lane: row.lane,
    epoch: row.epoch,
    sequence: Number(row.sequence),
    commitId: row.commit_id,
    ownerEpoch: Number(row.owner_epoch),
  };
}
