import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog, type SnapshotStore } from '@parley/runtime';
import { Set as ImmutableSet } from 'immutable';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CommandWindow } from './domain/command-window.ts';
import { initialUser, type UserState } from './domain/user.ts';
import { userAggregate } from './domain/user-aggregate.ts';
import { decodeSnapshot, type Loaded } from './load-aggregate.ts';
import { SnapshotWriter } from './snapshot-writer.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-snapshots-'));
const lines: { message: string; level: string; version: number; bytes: number }[] = [];
const logger = createLogger(
  { name: 'test', level: 'warn' },
  { write: (line: string) => void lines.push(JSON.parse(line)) },
);
let nats: NatsServer;
let opened: OpenLog;

beforeAll(async () => {
  nats = await startNats({ dir });
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
}, 60_000);

afterAll(async () => {
  await opened?.close();
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A user who has blocked so many others, whose ids cannot be compressed much. */
function blocking(count: number, version: number): Loaded<UserState> {
  const blocks = ImmutableSet(Array.from({ length: count }, () => randomBytes(96).toString('base64url')));
  const state = { ...initialUser, blocks };
  return { state, version, sequence: version, lastAt: 0, window: new CommandWindow(), snapshotVersion: 0 };
}

test('a snapshot too large for a message is told of once, with what to do, and tried again seldom', async () => {
  const { log, snapshots } = opened;
  const attempts: string[] = [];
  const counted: SnapshotStore = {
    get: (key) => snapshots.get(key),
    put: (key, value, covered) => snapshots.put(key, value, covered).finally(() => attempts.push(key)),
  };
  let now = 0;
  const aggregate = userAggregate('anna');
  const writer = new SnapshotWriter(aggregate, { log, snapshots: counted, logger, now: () => now });
  const offer = async (loaded: Loaded<UserState>) => {
    const before = attempts.length;
    now += 10_000;
    writer.offer(loaded);
    await vi.waitFor(() => expect(attempts.length).toBe(before + 1), { timeout: 10_000 });
  };
  await offer(blocking(10, 500));
  const large = blocking(12_000, 1_000);
  await offer(large);
  await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 10_000 });
  expect(lines[0]).toMatchObject({
    level: 'error',
    version: 1_000,
    message: expect.stringContaining('max_payload'),
  });
  expect(lines[0]?.bytes).toBeGreaterThan(1_048_576);
  now += 10_000;
  writer.offer({ ...large, version: 10_999, snapshotVersion: 1_000 });
  await offer({ ...large, version: 11_000, snapshotVersion: 1_000 });
  await offer({ ...large, version: 21_000, snapshotVersion: 11_000 });
  expect(attempts).toHaveLength(4);
  expect(lines).toHaveLength(1);
  const stored = await snapshots.get(aggregate.subject);
  expect(stored && decodeSnapshot(stored, log.epoch, aggregate)?.version).toBe(500);
});

test('a snapshot is never replaced by one that covers less of the same log, in whatever order they arrive', async () => {
  const { snapshots } = opened;
  const put = (epoch: string, sequence: number) =>
    snapshots.put('race', Buffer.from(`${epoch} ${sequence}`), { epoch, sequence });
  const stored = async () => Buffer.from((await snapshots.get('race')) ?? []).toString();
  const order = [40, 10, 90, 30, 70, 20, 90, 60];
  await Promise.all(order.map((sequence) => put('a', sequence)));
  expect(await stored()).toBe('a 90');
  expect([await put('a', 89), await put('a', 90)]).toEqual([false, true]);
  expect([await put('b', 5), await stored()]).toEqual([true, 'b 5']);
});

test('a snapshot that an earlier release wrote is read, and replaced by the next', async () => {
  const { signals, snapshots } = opened;
  const { subject } = userAggregate('zoë');
  const key = subject.replaceAll('~', '=');
  signals.send(`$KV.snapshots.${key}`, gzipSync('early'));
  await vi.waitFor(async () =>
    expect(Buffer.from((await snapshots.get(subject)) ?? []).toString()).toBe('early'),
  );
  expect(await snapshots.put(subject, Buffer.from('now'), { epoch: 'a', sequence: 1 })).toBe(true);
  expect(Buffer.from((await snapshots.get(subject)) ?? []).toString()).toBe('now');
});
