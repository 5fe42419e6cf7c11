import { expect, test } from 'vitest';
import { createLogger } from './log.ts';

function capture(level = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ name: 'probe', level }, { write: (line) => void lines.push(line) });
  return {
    logger,
    last: (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '{}'),
    text: () => lines.join(''),
  };
}

test('every line has time, level, service and message', () => {
  const { logger, last } = capture();
  logger.info({ sequence: 7 }, 'appended');
  expect(last()).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    level: 'info',
    service: 'probe',
    message: 'appended',
    sequence: 7,
  });
});

test('an error is under `error`, with its message and stack', () => {
  const { logger, last } = capture();
  logger.error({ error: new Error('no luck') }, 'failed');
  expect(last()).toMatchObject({
    message: 'failed',
    error: { message: 'no luck', stack: expect.any(String) },
  });
});

test('secrets do not reach a line, however deep they lie', () => {
  const { logger, last, text } = capture();
  logger.info(
    {
      token: 's3cret',
      a: { b: { c: { accessToken: 's3"cret', password: 's3cret' } } },
      request: { headers: { authorization: 'Bearer s3cret', cookie: 's3cret', host: 'h' } },
    },
    'x',
  );
  logger.child({ refresh_token: 's3cret' }).info('bound');
  expect(text()).not.toContain('s3');
  expect(text()).toContain('"host":"h"');
  expect(last()).toMatchObject({ refresh_token: '***', message: 'bound' });
});

test('credentials in URLs and tokens in text are hidden wherever they stand', () => {
  const { logger, text } = capture();
  const jwt = `eyJhbGciOiJFUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;
  logger.error(
    { error: new Error(`connect postgres://parley:hunter2@db:5432 with ${jwt}`) },
    `see redis://:hunter3@r ${jwt}`,
  );
  expect(text()).not.toMatch(/hunter|eyJ|bbbb/);
  expect(text()).toContain('postgres://***@db:5432');
});
