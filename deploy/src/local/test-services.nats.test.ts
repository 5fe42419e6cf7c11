import { afterEach, describe, expect, it, vi } from 'vitest';
import { resolveTestServices } from './test-services.ts';

const urls = { NATS_URL: 'nats://n', DATABASE_URL: 'postgres://p', REDIS_URL: 'redis://r' };

afterEach(() => {
  vi.unstubAllEnvs();
});

function environment(values: Record<string, string>): void {
  const cleared = { TEST_SERVICES: '', NATS_URL: '', DATABASE_URL: '', REDIS_URL: '' };
  for (const [name, value] of Object.entries({ ...cleared, ...values })) vi.stubEnv(name, value);
}

describe('the services of the tests', () => {
  it('are the given ones when all three addresses are set', async () => {
    environment(urls);
    const services = await resolveTestServices();
    expect(services).toMatchObject({ mode: 'external', natsUrl: 'nats://n', databaseUrl: 'postgres://p' });
  });

  it('are started here when nothing is said', async () => {
    environment({});
    const services = await resolveTestServices();
    await services.stop();
    expect(services.mode).toBe('local');
    expect(services.databaseUrl).toMatch(/^postgres:\/\/parley:\w+@127\.0\.0\.1:\d+\/postgres$/);
  });

  it('fail with the names of the missing variables when external ones are demanded', async () => {
    environment({ TEST_SERVICES: 'external', NATS_URL: 'nats://n' });
    await expect(resolveTestServices()).rejects.toThrow('needs DATABASE_URL, REDIS_URL');
  });

  it('fail with the choices when the variable holds a word that is none', async () => {
    environment({ TEST_SERVICES: 'dokcer' });
    await expect(resolveTestServices()).rejects.toThrow('auto, local, docker, external');
  });
});
