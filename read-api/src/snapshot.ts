import { formatPosition } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import type { Pool, PoolClient, QueryResult } from 'pg';

export interface Snapshot {
  client: PoolClient;
  /** The lowest lane's position: every row reflects at least all commits up to it. */
  asOf: string;
}

const BEGIN = `begin isolation level repeatable read read only;
  select min(epoch) as epoch, min(sequence) as sequence from read_model.checkpoints`;

/** Rows and the position they reflect, seen at one moment: a client that goes on from `asOf` meets them exactly. */
export async function inSnapshot<T>(pool: Pool, read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // Two statements in one round trip give two results.
    const results = (await client.query(BEGIN)) as unknown as QueryResult<{
      epoch: string | null;
      sequence: string;
    }>[];
    const checkpoint = results[1]?.rows[0];
    if (!checkpoint?.epoch) {
      throw notBuilt();
    }
    return await read({ client, asOf: formatPosition(checkpoint.epoch, Number(checkpoint.sequence)) });
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    broken = error as Error;
    throw unbuilt(error);
  } finally {
    // Nothing was written: ending the transaction either way is the same.
    if (!broken)
      await client.query('commit').catch((error: Error) => {
        broken = error;
      });
    client.release(broken);
  }
}

/** What a query's error means to a client: without its tables the read model is not there yet, all else is as it is. */
export function unbuilt(error: unknown): unknown {
  const missing = error instanceof Error && 'code' in error && MISSING_TABLE.has(String(error.code));
  return missing ? notBuilt() : error;
}

const MISSING_TABLE = new Set(['42P01', '3F000']);

function notBuilt(): ProblemError {
  return new ProblemError('unavailable', { detail: 'the read model is being built', retryAfterMs: 1_000 });
}
