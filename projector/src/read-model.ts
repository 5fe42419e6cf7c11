import { createPool, type Logger } from '@parley/runtime';
import type { Pool } from 'pg';

/** The schema that everybody reads. */
export const READ_MODEL = 'read_model';

const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * A pool for those who write a read model. Their statements name tables without a schema, so that the same ones fill a new
 * read model beside the one in use. The schema is a setting of the session: not for a pooler in transaction mode, like
 * the lock that makes a projector the owner.
 */
export function openReadModel(options: {
  databaseUrl: string;
  connections: number;
  /** Shown as application_name in pg_stat_activity. */
  name: string;
  logger: Logger;
  schema?: string;
}): Pool {
  const { databaseUrl: url, connections: max, name, logger, schema: searchPath = READ_MODEL } = options;
  return createPool({ url, max, name, logger, searchPath, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
}
