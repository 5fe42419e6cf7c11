import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';
import { LOCK_SPACE } from './ownership.ts';

const MIGRATION_LOCK = 2;
const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

/** Brings the read model's tables to this build's schema. Several processes may call it at once. */
export async function migrateReadModel(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'parley-projector-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
    await migrate(drizzle(client), { migrationsFolder: MIGRATIONS, migrationsSchema: 'parley_migrations' });
  } finally {
    await client.end();
  }
}
