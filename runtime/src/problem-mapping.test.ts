import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LogUnavailable } from './event-log.ts';
import { parse } from './parse.ts';
import { ProblemError } from './problem-error.ts';
import { toProblem } from './problem-mapping.ts';

function coded(code: string, message = 'secret detail'): Error {
  return Object.assign(new Error(message), { code });
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('toProblem', () => {
  test('lets a ProblemError speak for itself', () => {
    expect(toProblem(new ProblemError('forbidden', { detail: 'owners only' }), 'r1')).toEqual({
      type: 'urn:parley:error:forbidden',
      title: expect.any(String),
      status: 403,
      code: 'forbidden',
      detail: 'owners only',
      instance: 'r1',
    });
  });

  test.each([
    ['the log', new LogUnavailable('nats://u:p@h')],
    ['a refused connection', coded('ECONNREFUSED')],
    ['Postgres shutting down', coded('57P01')],
    ['too many Postgres connections', coded('53300')],
    ['a lost Postgres connection', new Error('Connection terminated unexpectedly')],
    ['a Postgres that does not accept in time', new Error('timeout exceeded when trying to connect')],
  ])('answers 503 with a time to retry when %s is away', (_name, error) => {
    const answer = toProblem(error);
    expect(answer).toMatchObject({ status: 503, code: 'unavailable', retryAfterMs: expect.any(Number) });
    expect(JSON.stringify(answer)).not.toMatch(/secret|u:p/);
  });

  test.each([
    coded('23505'),
    new TypeError('secret detail'),
    'secret detail',
    undefined,
    coded('FST_ERR_SOMETHING'),
  ])('tells nothing about an error that nobody expected', (error) => {
    const answer = toProblem(error);
    expect(answer).toMatchObject({ status: 500, code: 'internal' });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });

  test('names the fields of a zod error', () => {
    const error = caught(() => z.object({ a: z.string() }).parse({ a: 1 }));
    expect(toProblem(error)).toMatchObject({
      status: 400,
      errors: [{ path: 'a', message: expect.any(String) }],
    });
  });
});

describe('parse', () => {
  const schema = z.strictObject({ members: z.array(z.object({ userId: z.string() })) });

  test('returns what the schema makes of the value', () => {
    expect(parse(z.coerce.number(), '7')).toBe(7);
  });

  test('names each faulty field below where it stands', () => {
    const error = caught(() => parse(schema, { members: [{ userId: 1 }], nope: 1, worse: 2 }, 'commands.3'));
    expect(toProblem(error).errors).toEqual([
      { path: 'commands.3.members.0.userId', message: expect.any(String) },
      { path: 'commands.3.nope', message: 'unknown field' },
      { path: 'commands.3.worse', message: 'unknown field' },
    ]);
  });

  test('names at most 20 fields', () => {
    const value = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x${i}`, i]));
    expect(toProblem(caught(() => parse(z.strictObject({}), value))).errors).toHaveLength(20);
  });
});
