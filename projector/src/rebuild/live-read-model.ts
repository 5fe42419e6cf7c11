import type { EventLog } from '@parley/runtime';
import type { ClientBase } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import type { LaneTarget } from './fold-to.ts';

/** A schema's checkpoints as the client's transaction sees them, by lane; none when no projector ever ran. */
export async function checkpointsOf(client: ClientBase, schema: string): Promise<Checkpoint[]> {
  const { rows } = await client.query(
    `SELECT lane, epoch, sequence, commit_id, owner_epoch FROM ${schema}.checkpoints ORDER BY lane`,
  );
  return rows.map((row) => ({
    lane: row.lane,
    epoch: row.epoch,
    sequence: Number(row.sequence),
    commitId: row.commit_id,
    ownerEpoch: Number(row.owner_epoch),
  }));
}

/** Why these checkpoints are not of this log, or null when they are. */
export async function misfitOf(checkpoints: readonly Checkpoint[], log: EventLog): Promise<string | null> {
  if (checkpoints.length === 0) return 'no projector has ever filled it';
  const { first, last } = await log.bounds();
  for (const { lane, epoch, sequence, commitId } of checkpoints) {
    if (epoch !== log.epoch) return `it is of the log ${epoch}, this one is ${log.epoch}`;
    if (sequence > last) return `lane ${lane} is at ${sequence}, the log ends at ${last}`;
    if (sequence + 1 < first) return `lane ${lane} is at ${sequence}, the log begins at ${first}`;
    if (sequence === 0) continue;
    const commit = await log.at(sequence);
    if (commit?.commitId !== commitId) {
      return `lane ${lane} is at commit ${commitId}, the log has ${commit?.commitId ?? 'none'} at ${sequence}`;
    }
  }
  return null;
}

/** The newest commit that the log holds now, as the target of every lane. */
export async function headTargets(log: EventLog, lanes: number): Promise<LaneTarget[]> {
  const { first, last } = await log.bounds();
  for (let sequence = last; sequence >= first; sequence--) {
    const commit = await log.at(sequence);
    if (commit === null) continue;
    return Array.from({ length: lanes }, (_, lane) => ({ lane, sequence, commitId: commit.commitId }));
  }
  return Array.from({ length: lanes }, (_, lane) => ({ lane, sequence: 0, commitId: '' }));
}
