import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LogReader } from './log-reader.ts';
import { logger } from './testing/read-model.ts';

let dir: string;
let nats: NatsServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-log-reader-'));
  nats = await startNats({ dir });
});
afterAll(async () => {
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

const open = () => new LogReader({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
const away = expect.objectContaining({ code: 'unavailable' });

it('is there without the log, and has it once that comes up', async () => {
  await nats.kill();
  const reader = open();
  expect(() => reader.log).toThrow(away);
  await nats.restart();
  await vi.waitFor(() => expect(reader.log.epoch).toMatch(/^[0-9a-f-]{36}$/), { timeout: 20_000 });
  await reader.close();
});

it('closes while the log is away', async () => {
  const reader = open();
  await vi.waitFor(() => expect(reader.log.epoch).not.toBe(''), { timeout: 20_000 });
  await nats.kill();
  await vi.waitFor(() => expect(() => reader.log).toThrow(away));
  await reader.close();
  expect(() => reader.log).toThrow(away);
  await nats.restart();
});
