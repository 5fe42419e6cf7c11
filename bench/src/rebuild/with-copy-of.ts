import type { PostgresServer } from '@parley/deploy/testing';
import { openPool } from '../frame/pool.ts';

let made = 0;

/** Runs `use` on a copy of a database that nobody is connected to. What is left to be written is written before. */
export async function withCopyOf<T>(
  { adminUrl, urlOf }: PostgresServer,
  template: string,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const admin = openPool(adminUrl);
  const name = `copy_${++made}`;
  try {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    await admin.query('CHECKPOINT');
    return await use(urlOf(name));
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.end();
  }
}
