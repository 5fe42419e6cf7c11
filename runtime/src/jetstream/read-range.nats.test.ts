import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { readRange } from '../read-range.ts';
import { connectNats } from './connection.ts';
import { type OpenLog, openEventLog } from './open.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'parley-range-'));
let nats: NatsServer;
let opened: OpenLog;
let operator: Awaited<ReturnType<typeof connectNats>>;

beforeAll(async () => {
  nats = await startNats({ dir });
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  operator = await connectNats({ natsUrl: nats.url, name: 'operator', logger });
}, 30_000);

afterAll(async () => {
  await Promise.all([opened?.close(), operator?.connection.close()]);
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function append(count: number): Promise<number> {
  let last = 0;
  for (let i = 0; i < count; i++) {
    const outcome = await opened.log.append({
      subject: 'evt.00.conv.range',
      commitId: crypto.randomUUID(),
      payload: new TextEncoder().encode(`${i}`),
      expectedLastSequence: 'any',
    });
    if (outcome.kind === 'appended') last = outcome.sequence;
  }
  return last;
}

async function remove(...sequences: number[]): Promise<void> {
  for (const seq of sequences) {
    const reply = await operator.connection.request('$JS.API.STREAM.MSG.DELETE.EVT', JSON.stringify({ seq }));
    expect(reply.json()).toMatchObject({ success: true });
  }
}

async function sequencesOf(after: number, until: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const batch of readRange(opened.log, { after, until })) {
    seen.push(...batch.map((record) => record.sequence));
  }
  return seen;
}

test('a range ends although its last commits were deleted, at the end of the log and before it', async () => {
  const end = await append(20);
  await remove(5, 9, 10, 11, end - 2, end - 1, end);
  expect(await sequencesOf(0, end)).toEqual([1, 2, 3, 4, 6, 7, 8, 12, 13, 14, 15, 16, 17]);
  expect(await sequencesOf(6, 10)).toEqual([7, 8]);
  expect(await sequencesOf(8, 11)).toEqual([]);
  expect(await sequencesOf(end - 3, end)).toEqual([]);
  expect(await sequencesOf(end - 4, end - 1)).toEqual([end - 3]);
  expect(await sequencesOf(end - 1, (await append(1)) - 1)).toEqual([]);
}, 30_000);
