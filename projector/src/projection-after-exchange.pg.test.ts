import { createLogger } from '@parley/runtime';
import { expect, it, vi } from 'vitest';
import { claimLanes } from './checkpoints.ts';
import { Projection } from './projection.ts';
import { runLanes } from './run-lanes.ts';
import { freshMetrics, logger as silent } from './testing/database.ts';
import { patiently, useProjectedLog } from './testing/projected-log.ts';

const stage = useProjectedLog();

async function ownerEpoch(): Promise<number> {
  const { rows } = await stage.pool.query(
    'SELECT max(owner_epoch)::int AS owner FROM read_model.checkpoints',
  );
  return rows[0].owner;
}

it('a projector owns the new tables after a rebuild and a rollback before anything is written, as something usual', async () => {
  await stage.stopProjecting();
  const lines: { message: string }[] = [];
  const logger = createLogger(
    { name: 'projector', level: 'info' },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  const { log, pool, databaseUrl } = stage;
  const projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
  try {
    await vi.waitFor(() => expect(projection.state.kind).toBe('running'), patiently);
    for (const exchange of [() => stage.rebuild(), () => stage.rollBack()]) {
      const before = await ownerEpoch();
      await exchange();
      // The exchange raises it once, whoever claims the lanes again.
      await vi.waitFor(async () => expect(await ownerEpoch()).toBe(before + 2), patiently);
      const sequence = await stage.say();
      await vi.waitFor(async () => expect(await stage.position()).toBe(sequence), patiently);
    }
    expect(projection.fault).toBeNull();
    const told = lines.map(({ message }) => message);
    expect(told.filter((text) => text.startsWith('the tables were exchanged'))).toHaveLength(2);
    expect(told).not.toContain('the projector starts over');
  } finally {
    await projection.stop();
  }
});

it('a batch that meets the new tables before the projector was told is written all the same, by the same process', async () => {
  const before = await ownerEpoch();
  await stage.pool.query('UPDATE read_model.checkpoints SET owner_epoch = owner_epoch + 1');
  const sequence = await stage.say();
  await vi.waitFor(async () => expect(await stage.position()).toBe(sequence), patiently);
  expect(await ownerEpoch()).toBe(before + 2);
});

it('a run that is told to stop before it begins ends at once', async () => {
  await stage.stopProjecting();
  const { log, pool } = stage;
  const checkpoints = await claimLanes(pool, log, 2);
  const signal = AbortSignal.abort(new Error('the projector stops'));
  const run = runLanes({ log, pool, checkpoints, metrics: freshMetrics(), logger: silent, signal });
  await expect(run.finished).resolves.toBeUndefined();
});
