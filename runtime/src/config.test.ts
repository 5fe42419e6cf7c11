import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError, describeVariables, loadConfig, maskCredentials, type Variables } from './config.ts';
import {
  authVariables,
  httpVariables,
  logVariables,
  postgresVariables,
  processVariables,
  redisVariables,
} from './variables.ts';

const all = {
  ...processVariables,
  ...logVariables,
  ...postgresVariables,
  ...redisVariables,
  ...authVariables,
  ...httpVariables,
} satisfies Variables;

const env = {
  NATS_URL: 'nats://a:4222,nats://b:4222',
  DATABASE_URL: 'postgres://parley:hunter2@127.0.0.1:5432/parley',
  REDIS_URL: 'redis://:hunter3@127.0.0.1:6379',
  JWKS_URL: 'http://127.0.0.1:1/jwks',
  JWT_ISSUER: 'me',
  JWT_AUDIENCE: 'parley',
};

function problemsOf(changes: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(all, { ...env, ...changes });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  test('gives typed values and defaults', () => {
    const config = loadConfig(all, {
      ...env,
      PORT: '0',
      CORS_ORIGINS: 'https://a.example, http://localhost:5173',
    });
    expect(config).toMatchObject({
      port: 0,
      logReplicas: 1,
      mode: 'production',
      limits: 'on',
      host: '127.0.0.1',
    });
    expect(config.corsOrigins).toEqual(['https://a.example', 'http://localhost:5173']);
    expect(config.databaseUrl).toBe(env.DATABASE_URL);
  });

  test('counts an empty variable as unset', () => {
    expect(loadConfig(all, { ...env, PORT: '', CORS_ORIGINS: '' })).toMatchObject({
      port: 8080,
      corsOrigins: [],
    });
    expect(problemsOf({ NATS_URL: '' })).toEqual([expect.stringContaining('NATS_URL is missing')]);
  });

  test('names every problem at once, with what was expected and an example', () => {
    const problems = problemsOf({ PORT: '70000', LOG_LEVEL: 'loud', JWKS_URL: undefined, CORS_ORIGINS: '*' });
    expect(problems).toEqual([
      'PORT is wrong: "70000" does not fit, expected an integer from 0 to 65535, for example PORT=8080',
      expect.stringMatching(/^LOG_LEVEL is wrong: "loud" .*trace \| debug \| info/),
      expect.stringMatching(/^JWKS_URL is missing: .*for example JWKS_URL=https:/),
      expect.stringMatching(/^CORS_ORIGINS is wrong: "\*"/),
    ]);
  });

  test('never shows a secret that is wrong', () => {
    const [problem] = problemsOf({ DATABASE_URL: 'mysql://root:hunter2@db' });
    expect(problem).toContain('DATABASE_URL is wrong');
    expect(problem).not.toContain('hunter2');
  });

  test.each(['http://a.example/', 'http://a.example/path', 'a.example', 'null', 'https://*.a.example/x'])(
    'refuses %s as an origin',
    (origin) => expect(problemsOf({ CORS_ORIGINS: origin })).toHaveLength(1),
  );

  test('lifts the limits only in local mode', () => {
    expect(problemsOf({ PARLEY_LIMITS: 'off' })).toEqual([
      'PARLEY_LIMITS: off is only accepted with PARLEY_MODE=local',
    ]);
    expect(problemsOf({ PARLEY_LIMITS: 'off', PARLEY_MODE: 'local' })).toEqual([]);
  });

  test('is frozen, and hides secrets when it is printed or serialised', () => {
    const config = loadConfig(all, env);
    expect(Object.isFrozen(config) && Object.isFrozen(config.corsOrigins)).toBe(true);
    const shown = JSON.stringify(config) + inspect(config) + JSON.stringify({ config });
    expect(shown).not.toMatch(/hunter/);
    expect(shown).toContain('"databaseUrl":"***"');
    expect(shown).toContain('"jwtIssuer":"me"');
  });
});

test('describeVariables has one complete row per variable, and says which are required', () => {
  const rows = describeVariables(all);
  expect(rows).toHaveLength(Object.keys(all).length);
  expect(rows.every((row) => row.type !== '' && row.description !== '')).toBe(true);
  expect(rows.find((row) => row.env === 'DATABASE_URL')).toMatchObject({ default: null, secret: true });
  expect(rows.find((row) => row.env === 'PARLEY_MODE')).toMatchObject({
    type: 'local | production',
    default: 'production',
    secret: false,
  });
});

test('maskCredentials hides user and password of every URL', () => {
  expect(maskCredentials('postgres://u:p@h/db and redis://:x@h')).toBe(
    'postgres://***@h/db and redis://***@h',
  );
  expect(maskCredentials('mail alice@example.com')).toBe('mail alice@example.com');
});
