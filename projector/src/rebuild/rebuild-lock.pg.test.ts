import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { LOCK_SPACE } from '../ownership.ts';
import { allRows } from '../testing/database.ts';
import { listening, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { type CommitSource, logSource } from './commit-source.ts';
import { REBUILD_LOCK, withRebuildClient } from './rebuild-lock.ts';

const stage = useProjectedLog();

it('a rebuild whose lock was ended stops, and puts nothing of what the next one builds in place', async () => {
  const before = await allRows(stage.pool);
  const reader = await stage.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await reader.query('SELECT count(*) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const first = stage.rebuild({ progress });
  const outcome = first.then(
    () => 'exchanged',
    (error: Error) => error.message,
  );
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
    patiently,
  );
  const holders = `FROM pg_locks WHERE locktype = 'advisory' AND classid = ${LOCK_SPACE} AND objid = ${REBUILD_LOCK}`;
  await stage.pool.query(`SELECT pg_terminate_backend(pid) ${holders}`);
  await vi.waitFor(
    async () => expect((await stage.pool.query(`SELECT ${holders}`)).rowCount).toBe(0),
    patiently,
  );
  await stage.pool.query('DROP SCHEMA read_model_next CASCADE');
  // The next one has built half of it when readers no longer hold the first one up.
  const stopped = new AbortController();
  const { last } = await stage.log.bounds();
  const half: CommitSource = {
    async *read(range) {
      yield* logSource(stage.log).read({ ...range, until: Math.floor(last / 2) });
      if (!stopped.signal.aborted) await once(stopped.signal, 'abort');
    },
  };
  const second = stage.rebuild({ archive: half, signal: stopped.signal });
  const ended = expect(second).rejects.toThrow();
  await vi.waitFor(async () => expect(await stage.schemas()).toContain('read_model_next'), patiently);
  await reader.query('COMMIT');
  reader.release();
  expect(await outcome).toContain('run it again');
  expect(await allRows(stage.pool)).toEqual(before);
  stopped.abort(new Error('stopped'));
  await ended;
  await stage.rebuild();
  expect(await allRows(stage.pool)).toEqual(before);
});

it('no limit of the installation ends what takes as long as it takes', async () => {
  const limits = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  await stage.pool.query(
    `DO $$ BEGIN ${limits
      .map((limit) => `EXECUTE format('ALTER DATABASE %I SET ${limit} = 20000', current_database());`)
      .join(' ')} END $$`,
  );
  const found = await withRebuildClient(stage.databaseUrl, (client) =>
    Promise.all(limits.map(async (limit) => (await client.query(`SHOW ${limit}`)).rows[0][limit])),
  );
  expect(found).toEqual(['0', '0', '0']);
});
