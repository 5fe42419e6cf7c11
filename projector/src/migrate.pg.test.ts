import { randomBytes, randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conversationSubject, encodeCommit, userSubject } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { migrateReadModel } from './migrate.ts';
import { Projection } from './projection.ts';
import { openReadModel } from './read-model.ts';
import { created, numbered, ROOM, sent, uuid } from './testing/commit.ts';
import { allRows, freshMetrics, logger, privatePostgres } from './testing/database.ts';
import { userEvent } from './testing/user-history.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
beforeAll(async () => {
  postgres = await privatePostgres();
});
afterAll(() => postgres?.stop());

async function query(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** A new database with the tables of the first release only. */
async function firstReadModel(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await query(postgres.server.adminUrl, `CREATE DATABASE ${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'parley-migrations-'));
  const journal = JSON.parse(await readFile(join(MIGRATIONS, 'meta/_journal.json'), 'utf8'));
  await mkdir(join(folder, 'meta'));
  await copyFile(join(MIGRATIONS, '0000_read_model.sql'), join(folder, '0000_read_model.sql'));
  const first = { ...journal, entries: journal.entries.slice(0, 1) };
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify(first));
  const client = new Client({ connectionString: postgres.server.urlOf(name) });
  await client.connect();
  await migrate(drizzle(client), { migrationsFolder: folder, migrationsSchema: 'parley_migrations' });
  await client.end();
  await rm(folder, { recursive: true });
  return postgres.server.urlOf(name);
}

async function projected(log: MemoryEventLog, databaseUrl: string) {
  const pool = openReadModel({ databaseUrl, connections: 4, name: 'test', logger });
  const projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
  const { last } = await log.bounds();
  try {
    await vi.waitFor(
      async () => {
        expect(projection.fault).toBeNull();
        const { rows } = await pool.query('SELECT sequence, owner_epoch FROM read_model.checkpoints');
        expect(rows.map(({ sequence }) => Number(sequence))).toEqual([last, last]);
      },
      { timeout: 20_000, interval: 50 },
    );
    const users = await pool.query('TABLE read_model.users');
    const lanes = await pool.query('SELECT owner_epoch FROM read_model.checkpoints');
    return { rows: await allRows(pool), users: users.rows, owners: lanes.rows.map((row) => row.owner_epoch) };
  } finally {
    await projection.stop();
    await pool.end();
  }
}

it('an installation of the first release is folded afresh, with its checkpoints’ owner still told from older ones', async () => {
  const log = new MemoryEventLog();
  const commits = [
    { subject: conversationSubject(ROOM), events: numbered([created(['ann', 'bob']), sent(1)]), after: 0 },
    { subject: conversationSubject(ROOM), events: numbered([sent(2)], 3), after: 1 },
    {
      subject: userSubject('ann'),
      events: [userEvent('ann', 'user.blocked', { userId: 'bob' }, { version: 1 })],
      after: 0,
    },
  ];
  for (const { subject, events, after } of commits) {
    const payload = encodeCommit(events);
    await log.append({ subject, commitId: randomUUID(), payload, expectedLastSequence: after });
  }
  const old = await firstReadModel();
  const commitId = (await log.at(2))?.commitId;
  await query(
    old,
    `INSERT INTO read_model.conversations (id, type, created_at, created_by, member_count, message_count, version, sequence)
     VALUES ('${ROOM}', 'group', now(), 'ann', 2, 1, 2, 1), ('${uuid(99)}', 'group', now(), 'zoe', 1, 0, 1, 1)`,
    `INSERT INTO read_model.members (conversation_id, user_id, role, joined_at, joined_sequence, read_ordinal)
     VALUES ('${ROOM}', 'ann', 'member', now(), 1, 1)`,
    `INSERT INTO read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, format, version)
     VALUES ('${ROOM}', 1, '${uuid(1)}', 1, 'ann', now(), 'plain', 2)`,
    `INSERT INTO read_model.command_results VALUES ('${uuid(90)}', 'evt.00.conv.gone', 1)`,
    `INSERT INTO read_model.checkpoints SELECT lane, '${log.epoch}', 2, '${commitId}', 7, now() FROM generate_series(0, 1) AS lane`,
  );
  await migrateReadModel(old);
  const migrated = await projected(log, old);
  const fresh = await projected(log, await postgres.readModel());
  expect(migrated.rows).toEqual(fresh.rows);
  expect(migrated.users).toEqual(fresh.users);
  expect(fresh.rows.messages).toHaveLength(2);
  expect(fresh.users).toHaveLength(1);
  expect(migrated.owners).toEqual(['8', '8']);
});
