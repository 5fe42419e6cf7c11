import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { LOCK_SPACE } from '../ownership.ts';
import { allRows } from '../testing/database.ts';
import { listening, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { type CommitSource, logSource } from './commit-source.ts';

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
  await stage.pool.query(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = 3",
    [LOCK_SPACE],
  );
  await stage.pool.query('DROP SCHEMA read_model_next CASCADE');
  // The next one has built half of it when readers no longer hold the first one up.
  const stopped = new AbortController();
  const { last } = await stage.log.bounds();
  const half: CommitSource = {
    async *read(range) {
      yield* logSource(stage.log).read({ ...range, until: Math.floor(last / 2) });
      await once(stopped.signal, 'abort');
    },
  };
  const second = stage.rebuild({ archive: half, signal: stopped.signal });
  const ended = expect(second).rejects.toThrow();
  await vi.waitFor(
    async () => expect(await stage.schemas()).toContain('read_model_next'),
    patiently,
  );
  await reader.query('COMMIT');
  reader.release();
  expect(await outcome).toContain('run it again');
  expect(await allRows(stage.pool)).toEqual(before);
  stopped.abort(new Error('stopped'));
  await ended;
  await stage.rebuild();
  expect(await allRows(stage.pool)).toEqual(before);
});
