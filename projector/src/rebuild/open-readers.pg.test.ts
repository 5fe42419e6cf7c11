import { EventEmitter, once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { allRows } from '../testing/database.ts';
import { listening, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { verifyReadModel } from '../verify/verify-read-model.ts';
import { logSource } from './commit-source.ts';

const stage = useProjectedLog();

const falseRows = `SELECT count(*)::int AS found FROM read_model.messages WHERE body = 'false'`;

async function session(name: string) {
  const client = await stage.pool.connect();
  await client.query(`SET application_name = '${name}'`);
  return client;
}

const told = (said: readonly string[], text: string) =>
  vi.waitFor(() => expect(said).toContainEqual(expect.stringContaining(text)), patiently);

it('readers in the middle of a transaction finish it on the old tables, and the rebuild tells who they are', async () => {
  await stage.falsify();
  const client = await session('a-reader');
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query('SELECT min(sequence) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await told(said, 'waiting to exchange the tables');
  await told(said, 'a-reader');
  expect((await client.query(falseRows)).rows[0].found).toBeGreaterThan(0);
  await client.query('COMMIT');
  await rebuilding;
  expect((await client.query(falseRows)).rows[0].found).toBe(0);
  client.release();
});

it('a snapshot of before that has read nothing yet sees the old rows to its end, never some of both', async () => {
  await stage.falsify();
  const client = await session('a-snapshot');
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // It has a snapshot and not one lock on a table: only its age tells that it must not meet the new ones.
  await client.query('SELECT txid_current_snapshot()');
  const before = (await stage.pool.query(falseRows)).rows[0].found;
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await told(said, 'a-snapshot');
  await told(said, 'pg_terminate_backend');
  for (const table of ['messages', 'members', 'conversations', 'audit']) {
    const { rows } = await client.query(`SELECT count(*)::int AS found FROM read_model.${table}`);
    expect(rows[0].found, table).toBeGreaterThan(0);
  }
  expect((await client.query(falseRows)).rows[0].found).toBe(before);
  await client.query('COMMIT');
  const { switched } = await rebuilding;
  expect(switched?.attempts).toBeGreaterThan(0);
  expect((await client.query(falseRows)).rows[0].found).toBe(0);
  client.release();
});

it('the exchange waits for a verification by name, and the projector goes on meanwhile', async () => {
  const [opened, comparing] = [new EventEmitter(), new EventEmitter()];
  const [open, compares] = [once(opened, 'now'), once(comparing, 'now')];
  let reads = 0;
  const verifying = verifyReadModel({
    ...stage.place,
    archive: {
      async *read(range) {
        reads += 1;
        // The second read is the one within the snapshot that is compared.
        if (reads === 2) {
          comparing.emit('now');
          await open;
        }
        yield* logSource(stage.log).read(range);
        if (reads > 1) return;
        await stage.say();
        await stage.caughtUp();
      },
    },
  });
  await compares;
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await told(said, 'parley-verify-');
  for (let n = 0; n < 5; n++) await stage.say();
  await stage.caughtUp();
  expect(await stage.schemas()).toContain('read_model_next');
  await expect(verifyReadModel(stage.place)).rejects.toThrow(
    /Another verification of this read model runs: parley-verify-.*pg_terminate_backend/,
  );
  opened.emit('now');
  expect((await verifying).clean).toBe(true);
  expect((await rebuilding).switched?.attempts).toBeGreaterThan(0);
});

it('what readers could notice is told, of the attempts that gave way too', async () => {
  const before = await allRows(stage.pool);
  let [holder, other] = [await session('a-holder'), await session('a-holder')];
  const hold = async () => {
    await holder.query('BEGIN');
    await holder.query('SELECT count(*) FROM read_model.messages');
  };
  await hold();
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  // Hand over hand, so that there is always a lock and never a transaction that is old enough to be waited for.
  while (!said.some((text) => text.includes('in use by a-holder'))) {
    [holder, other] = [other, holder];
    await hold();
    await other.query('COMMIT');
  }
  await holder.query('COMMIT');
  const { switched } = await rebuilding;
  const { attempts, pauseMs, longestPauseMs, totalPauseMs, projectorPauseMs } = switched ?? expect.fail();
  expect(attempts).toBeGreaterThan(1);
  expect(longestPauseMs).toBeGreaterThanOrEqual(pauseMs);
  expect(totalPauseMs).toBeGreaterThan(longestPauseMs);
  expect(projectorPauseMs).toBeGreaterThan(longestPauseMs);
  expect(await allRows(stage.pool)).toEqual(before);
  holder.release();
  other.release();
});

it('a snapshot of another role is waited for too, by an operator who may not see what others do', async () => {
  await stage.falsify();
  await stage.pool.query(`CREATE ROLE operator LOGIN PASSWORD 'operator'`);
  await stage.pool.query(`DO $$ DECLARE name text; BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO operator', current_database());
    FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'read_model'::regnamespace LOOP
      EXECUTE format('ALTER TABLE %s OWNER TO operator', name);
    END LOOP;
    ALTER SCHEMA read_model OWNER TO operator;
    GRANT ALL ON SCHEMA parley_operators, parley_migrations TO operator;
    GRANT ALL ON ALL TABLES IN SCHEMA parley_operators, parley_migrations TO operator;
  END $$`);
  const databaseUrl = Object.assign(new URL(stage.databaseUrl), {
    username: 'operator',
    password: 'operator',
  }).href;
  const client = await session('a-snapshot');
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query('SELECT txid_current_snapshot()');
  const before = (await stage.pool.query(falseRows)).rows[0].found;
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ databaseUrl, progress });
  await Promise.race([told(said, 'a-snapshot'), rebuilding]);
  expect((await client.query(falseRows)).rows[0].found).toBe(before);
  await client.query('COMMIT');
  await rebuilding;
  expect((await client.query(falseRows)).rows[0].found).toBe(0);
  client.release();
});
