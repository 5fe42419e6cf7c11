import { expect, test } from 'vitest';
import { Readiness } from './readiness.ts';

test('is ready when every probe passes, and says which do not', async () => {
  const readiness = new Readiness();
  readiness.check('log', () => undefined);
  expect(await readiness.report()).toEqual({ ready: true, reasons: [] });
  readiness.check('postgres', async () => {
    throw new Error('cannot reach postgres://parley:hunter2@db');
  });
  readiness.check('redis', () => {
    throw new Error('not connected');
  });
  expect(await readiness.report()).toEqual({
    ready: false,
    reasons: ['postgres: cannot reach postgres://***@db', 'redis: not connected'],
  });
});

test('a probe that never answers is a reason, not a hanging report', async () => {
  const readiness = new Readiness();
  readiness.check('frozen', () => new Promise(() => undefined));
  expect((await readiness.report()).reasons).toEqual([expect.stringMatching(/^frozen: no answer within/)]);
});

test('reports at the same time share one round of probes', async () => {
  const readiness = new Readiness();
  let rounds = 0;
  readiness.check('count', async () => {
    rounds += 1;
  });
  await Promise.all(Array.from({ length: 50 }, () => readiness.report()));
  expect(rounds).toBe(1);
  await readiness.report();
  expect(rounds).toBe(2);
});

test('a process that stops is not ready any more', async () => {
  const readiness = new Readiness();
  readiness.stopping();
  expect(await readiness.report()).toEqual({ ready: false, reasons: ['stopping'] });
});

test('refuses two probes of one name', () => {
  const readiness = new Readiness();
  readiness.check('a', () => undefined);
  expect(() => readiness.check('a', () => undefined)).toThrow('exists already');
});
