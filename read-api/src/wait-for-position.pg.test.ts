import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { EPOCH, logger, ReadModel } from './testing/read-model.ts';
import { PositionWatch } from './wait-for-position.ts';

let model: ReadModel;
let watch: PositionWatch;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(async () => {
  await model.build();
  watch = new PositionWatch({ pool: model.pool, url: model.server.url, logger });
});
afterEach(() => watch.close());

it('goes on at once when the lowest lane has the position', async () => {
  await expect(watch.waitFor(`${EPOCH}:10`)).resolves.toEqual({ epoch: EPOCH, sequence: 10 });
});

it('waits until every lane has it', async () => {
  const waiting = Promise.all([11, 12, 13].map((sequence) => watch.waitFor(`${EPOCH}:${sequence}`)));
  await model.reach(13);
  await expect(waiting).resolves.toHaveLength(3);
});

it('says not-yet-visible when the position does not come', async () => {
  await expect(watch.waitFor(`${EPOCH}:9000000000`)).rejects.toMatchObject({
    code: 'not-yet-visible',
    extras: { retryAfterMs: 1_000 },
  });
});

it.each([
  ['of another log', `${randomUUID()}:1`],
  ['that is none', 'latest'],
])('refuses a position %s, naming the header', async (_, position) => {
  await expect(watch.waitFor(position)).rejects.toMatchObject({
    code: 'invalid-request',
    extras: { errors: [{ path: 'headers.parley-min-position' }] },
  });
});

it('still wakes waiters after its connection was cut', async () => {
  const listeners = async () =>
    (
      await model.pool.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'parley-read-api-listen'",
      )
    ).rows;
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1));
  const [before] = await listeners();
  await model.pool.query('SELECT pg_terminate_backend($1)', [before.pid]);
  const waiting = watch.waitFor(`${EPOCH}:15`);
  await model.reach(15);
  await expect(waiting).resolves.toMatchObject({ sequence: 15 });
  await vi.waitFor(
    async () => {
      const now = await listeners();
      expect(now).toHaveLength(1);
      expect(now[0].pid).not.toBe(before.pid);
    },
    { timeout: 10_000 },
  );
});

it('says unavailable while the read model does not exist', async () => {
  await model.pool.query('DROP SCHEMA read_model CASCADE');
  await expect(watch.waitFor(`${EPOCH}:1`)).rejects.toMatchObject({ code: 'unavailable' });
});
