import { openReadModel } from '@parley/projector';
import type { Pool } from 'pg';
import { quietLogger } from '../open-log.ts';
import { Unavailable } from '../run-command.ts';

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
    throw error;
  } finally {
    await pool.end();
  }
}
