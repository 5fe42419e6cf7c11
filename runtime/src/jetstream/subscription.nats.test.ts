import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { LOG_STREAM } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventLog } from '../event-log.ts';
import { createLogger } from '../log.ts';
import { connectNats } from './connection.ts';
import { type OpenLog, openEventLog } from './open.ts';
import { JetStreamSubscription } from './subscription.ts';
import { raiseCompleteFrom } from './topology.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'parley-subscription-'));
const subject = 'evt.00.conv.followed';
let nats: NatsServer;
let opened: OpenLog;
let operator: Awaited<ReturnType<typeof connectNats>>;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats({ dir });
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  operator = await connectNats({ natsUrl: nats.url, name: 'operator', logger });
  manager = await jetstreamManager(operator.connection);
}, 30_000);

afterAll(async () => {
  await Promise.all([opened?.close(), operator?.connection.close()]);
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Resolves to the sequence of the last. */
async function append(count: number): Promise<number> {
  const payload = new TextEncoder().encode('x');
  const outcomes = await Promise.all(
    Array.from({ length: count }, () =>
      opened.log.append({
        ...{ subject, payload, commitId: crypto.randomUUID() },
        expectedLastSequence: 'any',
      }),
    ),
  );
  return Math.max(...outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.sequence : 0)));
}

/** As the job does it: the last commit of the subject stays. */
async function retain(through: number): Promise<void> {
  await raiseCompleteFrom(manager, through + 1);
  await manager.streams.purge(LOG_STREAM, { filter: subject, seq: through + 1 });
}

async function remove(...sequences: number[]): Promise<void> {
  for (const sequence of sequences) await manager.streams.deleteMessage(LOG_STREAM, sequence);
}

test('who is in the middle of what retention removes is told, and commits that were deleted one by one are passed over', async () => {
  const before = (await opened.log.bounds()).last;
  // More than is read ahead.
  const last = await append(8_000);
  await remove(before + 3, before + 4);
  const subscription = opened.log.subscribe({ afterSequence: before, maxBatch: 10 });
  const seen: number[] = [];
  let isRetained = false;
  const reading = (async () => {
    for await (const batch of subscription) {
      seen.push(...batch.map(({ sequence }) => sequence));
      if (seen.length >= 8 && !isRetained) {
        isRetained = true;
        await retain(last - 1);
      }
    }
  })();
  await expect(reading).rejects.toMatchObject({ name: 'ContinuityLost', reason: 'retention' });
  const whole = Array.from({ length: seen.length + 2 }, (_, n) => before + n + 1);
  expect(seen).toEqual(whole.filter((sequence) => sequence !== before + 3 && sequence !== before + 4));
  expect(seen.at(-1)).toBeLessThan(last);
}, 60_000);

test('a commit that is missed after retention has begun counts as removed, though one before it was only deleted', async () => {
  const last = await append(6);
  const deleted = [last - 3, last - 2];
  await remove(...deleted);
  const { log } = opened;
  /** Retention begins while the hole is looked at. */
  const watched: EventLog = {
    epoch: log.epoch,
    append: (request) => log.append(request),
    lastSequence: (of) => log.lastSequence(of),
    read: (of, after) => log.read(of, after),
    bounds: () => log.bounds(),
    subscribe: (options) => log.subscribe(options),
    at: async (sequence) => {
      if (sequence === deleted[1]) await raiseCompleteFrom(manager, sequence + 1);
      return log.at(sequence);
    },
  };
  const client = jetstream(operator.connection);
  const subscription = new JetStreamSubscription(watched, client, { afterSequence: last - 6 });
  const seen: number[] = [];
  const reading = (async () => {
    for await (const batch of subscription) seen.push(...batch.map(({ sequence }) => sequence));
  })();
  await expect(reading).rejects.toMatchObject({ name: 'ContinuityLost', reason: 'retention' });
  expect(seen).toEqual([last - 5, last - 4]);
}, 30_000);
