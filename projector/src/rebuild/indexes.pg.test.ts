import { expect, it, vi } from 'vitest';
import { patiently, useProjectedLog } from '../testing/projected-log.ts';
import { makeIndexes } from './indexes.ts';

const stage = useProjectedLog();

it('an index that the session of a killed run is still making is waited for', async () => {
  const definition = 'CREATE INDEX late ON read_model.messages USING btree (sequence)';
  const [killed, next] = [await stage.pool.connect(), await stage.pool.connect()];
  let made = 0;
  try {
    await killed.query(`BEGIN; ${definition}`);
    const { rows } = await next.query('SELECT pg_backend_pid() AS pid');
    const making = makeIndexes(next, [definition], () => {
      made += 1;
    });
    await vi.waitFor(async () => {
      const waiting = await stage.pool.query('SELECT cardinality(pg_blocking_pids($1)) AS on', [rows[0].pid]);
      expect(waiting.rows[0].on).toBe(1);
    }, patiently);
    await killed.query('COMMIT');
    await making;
  } finally {
    killed.release(true);
    next.release(true);
  }
  expect(made).toBe(1);
});
