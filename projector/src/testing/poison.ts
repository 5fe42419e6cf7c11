import type { CommitRecord, EventLog } from '@parley/runtime';
import type { RowWriter } from '../write-batch.ts';
import { writeRows } from '../write-rows.ts';

/** Postgres refuses what holds one of these commits, as long as they are in the set. */
export function refusing(sequences: ReadonlySet<number>): RowWriter {
  return async (client, changes) => {
    const bad = changes.commandResults.some(({ sequence }) => sequences.has(sequence));
    if (bad) await client.query(`SELECT 'no number'::int`);
    return writeRows(client, changes);
  };
}

export const unreadable = (record: CommitRecord): CommitRecord => ({
  ...record,
  payload: new Uint8Array([0x5b]),
});

/** Every commit of a log that begins at 1. */
export async function allOf(log: EventLog): Promise<CommitRecord[]> {
  const { last } = await log.bounds();
  const records = await Promise.all(Array.from({ length: last }, (_, index) => log.at(index + 1)));
  return records.flatMap((record) => record ?? []);
}
