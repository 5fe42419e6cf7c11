import { resolveTestServices } from '@parley/deploy/testing';
import type { TestProject } from 'vitest/node';
import type {} from '../system-tests/src/testing/backend.ts';

/** Brings up what the tests share. A missing server fails the whole run with the fix in words; nothing is skipped. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await resolveTestServices();
  const { mode, natsUrl, databaseUrl, redisUrl } = services;
  project.provide('services', { mode, natsUrl, databaseUrl, redisUrl });
  return () => services.stop();
}
