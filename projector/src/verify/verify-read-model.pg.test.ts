import { expect, it } from 'vitest';
import { useProjectedLog } from '../testing/projected-log.ts';
import { verifyReadModel } from './verify-read-model.ts';

const stage = useProjectedLog();

it('a sample in which no row falls is no proof, one with rows is', async () => {
  const nothing = await verifyReadModel({ ...stage.place, sample: 0.01 });
  expect(nothing).toMatchObject({ rows: 0, clean: false, misfit: null });
  const all = await verifyReadModel(stage.place);
  expect(all).toMatchObject({ clean: true });
  const half = await verifyReadModel({ ...stage.place, sample: 60 });
  expect(half.clean).toBe(true);
  expect(half.rows).toBeGreaterThan(0);
  expect(half.rows).toBeLessThan(all.rows);
});
