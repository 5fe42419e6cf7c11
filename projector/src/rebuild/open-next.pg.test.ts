import { expect, it, vi } from 'vitest';
import { allRows } from '../testing/database.ts';
import { listening, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { isEqual } from '../verify/compare-read-models.ts';
import { type CommitSource, logSource } from './commit-source.ts';

const stage = useProjectedLog();

it('a rebuild that was stopped in the middle goes on where it was', async () => {
  const { last } = await stage.log.bounds();
  const middle = Math.floor(last / 2);
  const broken: CommitSource = {
    async *read(range) {
      yield* logSource(stage.log).read({ ...range, until: Math.min(range.until, middle) });
      throw new Error('the archive is away');
    },
  };
  // Only what a slice brought is written: the first part is one of its own.
  const inParts: CommitSource = {
    async *read(range) {
      yield* logSource(stage.log).read({ ...range, until: Math.min(range.until, middle) });
    },
  };
  await expect(stage.rebuild({ archive: inParts })).rejects.toThrow(`The commits end at ${middle}`);
  await expect(stage.rebuild({ archive: broken })).rejects.toThrow('the archive is away');
  const asked: number[] = [];
  const whole: CommitSource = {
    read(range) {
      asked.push(range.after);
      return logSource(stage.log).read(range);
    },
  };
  const { resumed, compared } = await stage.rebuild({ archive: whole });
  expect(resumed).toBe(true);
  expect(asked[0]).toBe(middle);
  expect(compared?.every(isEqual)).toBe(true);
});

it('a rebuild goes on from an archive where one from the log was, and tells when it has to begin anew', async () => {
  const { last } = await stage.log.bounds();
  const half: CommitSource = {
    read: (range) => logSource(stage.log).read({ ...range, until: Math.min(range.until, last - 5) }),
  };
  await expect(stage.rebuild({ archive: half })).rejects.toThrow(`The commits end at ${last - 5}`);
  await stage.pool.query(
    `DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA read_model_next IS %L',
       replace(obj_description('read_model_next'::regnamespace), '"archive"', '"log"')); END $$`,
  );
  const first = listening();
  const { resumed } = await stage.rebuild({
    archive: logSource(stage.log),
    dryRun: true,
    progress: first.progress,
  });
  expect(resumed).toBe(true);
  expect(first.said).toContainEqual(expect.stringContaining(`at ${last - 5}`));

  await expect(stage.rebuild({ archive: half })).rejects.toThrow('The commits end');
  await stage.pool.query(
    `DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA read_model_next IS %L',
       jsonb_set(obj_description('read_model_next'::regnamespace)::jsonb, '{shape}', '"old"')::text); END $$`,
  );
  const second = listening();
  const anew = await stage.rebuild({ progress: second.progress });
  expect(anew.resumed).toBe(false);
  expect(second.said).toContainEqual(expect.stringContaining('of another release'));
  expect(anew.compared?.every(isEqual)).toBe(true);
});

it('a rebuild is refused when something outside hangs on the tables, with what to do', async () => {
  await stage.pool.query(
    'CREATE SCHEMA reporting; CREATE VIEW reporting.busy AS SELECT conversation_id FROM read_model.messages',
  );
  await expect(stage.rebuild()).rejects.toThrow(
    /the view reporting.busy reads (read_model\.)?messages.*Drop it, run this again/,
  );
  await stage.pool.query(
    'DROP VIEW reporting.busy; ALTER TABLE read_model.messages ENABLE ROW LEVEL SECURITY',
  );
  await expect(stage.rebuild()).rejects.toThrow('messages has row security');
  await stage.pool.query('ALTER TABLE read_model.messages DISABLE ROW LEVEL SECURITY');
  await stage.rebuild();
});

it('a rebuild is refused when the tables in use were migrated meanwhile', async () => {
  await stage.falsify();
  const before = await allRows(stage.pool);
  const reader = await stage.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await reader.query('SELECT count(*) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const refused = expect(stage.rebuild({ progress })).rejects.toThrow('of another release than this command');
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
    patiently,
  );
  await stage.pool.query(
    `INSERT INTO parley_migrations.__drizzle_migrations (hash, created_at)
     SELECT 'next', max(created_at) + 1 FROM parley_migrations.__drizzle_migrations`,
  );
  await reader.query('COMMIT');
  reader.release();
  await refused;
  expect(await allRows(stage.pool)).toEqual(before);
});

it('a rebuild says why it gets no further while Postgres does not take its rows, and goes on when it does', async () => {
  let free: (() => void) | undefined;
  const full = new Promise<void>((resolve) => {
    free = resolve;
  });
  const archive: CommitSource = {
    async *read(range) {
      await full;
      yield* logSource(stage.log).read(range);
    },
  };
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ archive, progress });
  await vi.waitFor(async () => expect(await stage.schemas()).toContain('read_model_next'), patiently);
  await stage.pool.query(`CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON read_model_next.command_results EXECUTE FUNCTION public.full_disk()`);
  free?.();
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('No space left on device')),
    patiently,
  );
  await stage.pool.query('DROP TRIGGER full_disk ON read_model_next.command_results');
  expect((await rebuilding).compared?.every(isEqual)).toBe(true);
});
