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

it('wakes on the word of the projector, without a poll', async () => {
  await watch.close();
  vi.useFakeTimers({ toFake: ['setInterval'] });
  try {
    const looks = vi.spyOn(model.pool, 'query');
    const deaf = new PositionWatch({ pool: model.pool, url: model.server.url, logger });
    await vi.waitFor(async () => expect(await isListening()).toBe(true), { timeout: 10_000 });
    looks.mockClear();
    const waiting = deaf.waitFor(`${EPOCH}:21`);
    await looks.mock.results[0]?.value;
    await model.reach(21);
    await expect(waiting).resolves.toMatchObject({ sequence: 21 });
    await deaf.close();
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
});

it('does not keep anybody waiting when it closes', async () => {
  const refused = { code: 'not-yet-visible' };
  const waiting = expect(watch.waitFor(`${EPOCH}:9000000000`)).rejects.toMatchObject(refused);
  await watch.close();
  await waiting;
  await expect(watch.waitFor(`${EPOCH}:9000000000`)).rejects.toMatchObject(refused);
});

it('goes on after a restart of Postgres', async () => {
  await vi.waitFor(async () => expect(await isListening()).toBe(true), { timeout: 10_000 });
  await model.server.kill();
  await expect(watch.waitFor(`${EPOCH}:30`)).rejects.toBeInstanceOf(Error);
  await model.server.restart();
  await vi.waitFor(async () => expect(await isListening()).toBe(true), { timeout: 20_000 });
  const waiting = watch.waitFor(`${EPOCH}:30`);
  await model.reach(30);
  await expect(waiting).resolves.toMatchObject({ sequence: 30 });
});

async function isListening(): Promise<boolean> {
  const { rowCount } = await model.pool.query(
    `select from pg_stat_activity where application_name = 'parley-read-api-listen' and query = 'listen parley_position'
       and state = 'idle'`,
  );
  return rowCount === 1;
}
