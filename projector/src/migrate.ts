import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
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

/** What this build makes tables from. */
export interface Shape {
  /** Equal for read models that the same migrations made. */
  hash: string;
  /** Of the newest migration, as a database's own list of migrations has it. */
  newest: number;
  /** All statements, in order, with the live schema's name. */
  statements: readonly string[];
}

/** Of this build; reads its migration files. */
export function shapeOfThisBuild(): Shape {
  const files = readMigrationFiles({ migrationsFolder: MIGRATIONS });
  const hash = createHash('sha256');
  for (const file of files) hash.update(file.hash);
  return {
    hash: hash.digest('hex'),
    newest: Math.max(...files.map((file) => file.folderMillis)),
    statements: files.flatMap((file) => file.sql),
  };
}
