import { createLogger, createPool } from '@parley/runtime';

const logger = createLogger({ name: 'bench', level: 'silent' });

/** Connections as the services make them; losing one that is idle, because its database is dropped, is no error. */
export function openPool(url: string, max = 1): ReturnType<typeof createPool> {
  return createPool({ url, max, name: 'bench', logger, statementTimeoutMs: 0 });
}
