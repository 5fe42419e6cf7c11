import { expect, it, vi } from 'vitest';
import { allRows } from '../testing/database.ts';
import { listening, OWN_ROOM, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { isEqual } from '../verify/compare-read-models.ts';
import { dropExpiredPrevious } from './drop-expired-previous.ts';

const stage = useProjectedLog();

it('a rebuild repairs the rows, and the projector goes on by itself after it, back and forward again', async () => {
  const right = await allRows(stage.pool);
  await stage.falsify();
  const wrong = await allRows(stage.pool);
  await stage.rebuild();
  expect(await allRows(stage.pool)).toEqual(right);
  await stage.rollBack();
  expect(await allRows(stage.pool)).toEqual(wrong);
  await stage.rollBack();
  expect(await allRows(stage.pool)).toEqual(right);
  await stage.say();
  await stage.say();
  await stage.caughtUp();
  expect(
    (await stage.pool.query(`SELECT FROM read_model.messages WHERE conversation_id = '${OWN_ROOM}'`))
      .rowCount,
  ).toBe(1);
  expect((await stage.rebuild({ dryRun: true })).compared?.every(isEqual)).toBe(true);
});

it('a rollback says when the tables that it brings back were replaced, and whether they were wrong then', async () => {
  await stage.falsify();
  const { switched } = await stage.rebuild({ keepOldMs: 60_000 });
  const replaced = Date.parse(switched?.keepUntil ?? '') - 60_000;
  const wrong = await stage.rollBack();
  expect(wrong.differed).toBe(true);
  expect(Math.abs(Date.parse(wrong.replacedAt) - replaced)).toBeLessThan(60_000);
  expect((await stage.rollBack()).differed).toBe(false);
});

it('a rollback brings rows that were rolled back to what was said since', async () => {
  await stage.rebuild();
  for (let n = 0; n < 5; n++) await stage.say();
  await stage.caughtUp();
  const now = await allRows(stage.pool);
  await stage.rollBack();
  expect(await allRows(stage.pool)).toEqual(now);
});

it('a rebuild keeps the old tables as long as it was told', async () => {
  await stage.rebuild({ keepOldMs: 3_600_000 });
  expect(await dropExpiredPrevious(stage.databaseUrl, Date.now() + 3_000_000)).toBe(false);
  expect(await dropExpiredPrevious(stage.databaseUrl, Date.now() + 3_700_000)).toBe(true);
  expect(await stage.schemas()).toEqual(['read_model']);
  await expect(stage.rollBack()).rejects.toThrow('There is no previous read model');
});

it('old tables that have expired are left alone while others are about to take their name', async () => {
  await stage.rebuild();
  const expired = Date.now() + 3_700_000;
  const reader = await stage.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await reader.query('SELECT count(*) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
    patiently,
  );
  expect(await dropExpiredPrevious(stage.databaseUrl, expired)).toBe(false);
  await reader.query('COMMIT');
  reader.release();
  await rebuilding;
  expect(await dropExpiredPrevious(stage.databaseUrl, expired)).toBe(true);
});
