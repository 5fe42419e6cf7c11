import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { EXCHANGED_CHANNEL } from '../ownership.ts';
import { checkpointsOf } from './live-read-model.ts';
import { NEXT, PREVIOUS, type PreviousState, READ_MODEL, writeState } from './schema-state.ts';

const ASIDE = 'parley_switching';

/** An operator was told that what waits is tried again as soon as a projector runs. */
const KEEP_WISHES = `
UPDATE ${NEXT}.dead_letters d SET retry_at = wanted.retry_at
  FROM (SELECT key, max(retry_at) AS retry_at FROM ${READ_MODEL}.dead_letters WHERE retry_at IS NOT NULL GROUP BY key) AS wanted,
       (SELECT key, min(sequence) AS sequence FROM ${NEXT}.dead_letters GROUP BY key) AS first
 WHERE d.key = wanted.key AND d.key = first.key AND d.sequence = first.sequence`;

/**
 * In the client's transaction, which locks everything: the new tables become the live ones, the old ones the previous read
 * model. The checkpoints get an owner of their own, so that a projector that runs starts over from them.
 */
export async function exchangeTables(
  client: Client,
  options: {
    tables: readonly string[];
    live: readonly Checkpoint[];
    previous: Omit<PreviousState, 'switchedAt' | 'epoch'>;
  },
): Promise<void> {
  const { tables, live, previous } = options;
  const moves = tables.map(
    (table) =>
      `ALTER TABLE ${READ_MODEL}.${table} SET SCHEMA ${ASIDE};
       ALTER TABLE ${NEXT}.${table} SET SCHEMA ${READ_MODEL};
       ALTER TABLE ${ASIDE}.${table} SET SCHEMA ${NEXT};`,
  );
  if (tables.includes('dead_letters')) await client.query(KEEP_WISHES);
  await client.query(`CREATE SCHEMA ${ASIDE}; ${moves.join('\n')} DROP SCHEMA ${ASIDE}`);
  const next = await checkpointsOf(client, NEXT);
  const owner = Math.max(0, ...live.map(({ ownerEpoch }) => ownerEpoch)) + 1;
  await client.query(`DELETE FROM ${READ_MODEL}.checkpoints; DELETE FROM ${NEXT}.checkpoints`);
  await putCheckpoints(
    client,
    READ_MODEL,
    next.map((checkpoint) => ({ ...checkpoint, ownerEpoch: owner })),
  );
  await putCheckpoints(client, NEXT, live);
  await client.query(`ALTER SCHEMA ${NEXT} RENAME TO ${PREVIOUS}`);
  await writeState(client, PREVIOUS, {
    ...previous,
    epoch: live[0]?.epoch ?? '',
    switchedAt: new Date().toISOString(),
  });
  // Somebody may wait for a position that the new rows have, and the projector need not wait for its next batch to fail.
  await client.query(
    `SELECT pg_notify('parley_position', min(epoch) || ':' || min(sequence)), pg_notify('${EXCHANGED_CHANNEL}', '')
       FROM ${READ_MODEL}.checkpoints`,
  );
}

async function putCheckpoints(client: Client, schema: string, rows: readonly Checkpoint[]): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}.checkpoints (lane, epoch, sequence, commit_id, owner_epoch, updated_at)
     SELECT lane, epoch, sequence, commit_id, owner_epoch, now()
       FROM unnest($1::int[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])
         AS u (lane, epoch, sequence, commit_id, owner_epoch)`,
    [
      rows.map(({ lane }) => lane),
      rows.map(({ epoch }) => epoch),
      rows.map(({ sequence }) => sequence),
      rows.map(({ commitId }) => commitId),
      rows.map(({ ownerEpoch }) => ownerEpoch),
    ],
  );
}
