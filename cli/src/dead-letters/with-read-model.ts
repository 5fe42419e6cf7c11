import { openReadModel } from '@parley/projector';
import { isPostgresAway } from '@parley/runtime';
import type { Pool } from 'pg';
import { quietLogger } from '../open-log.ts';
import { Unavailable } from '../run-command.ts';

const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT']);
const NO_SUCH_TABLE = '42P01';

/** Works on the read model that everybody reads. Throws Unavailable when it is not there. */
export async function withReadModel<T>(databaseUrl: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = openReadModel({ databaseUrl, connections: 2, name: 'parley-cli', logger: quietLogger });
  try {
    return await work(pool);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === NO_SUCH_TABLE) {
      throw new Unavailable('There is no read model of this version here: start its projector once.');
    }
    if (!(error instanceof Error && (isPostgresAway(error) || AWAY.has(code)))) throw error;
    throw new Unavailable('Postgres does not answer: check --postgres or DATABASE_URL.');
  } finally {
    await pool.end();
  }
}
