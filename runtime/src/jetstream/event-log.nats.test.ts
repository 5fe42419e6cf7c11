import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers as newHeaders } from '@nats-io/transport-node';
import {
  type NatsServer,
  type RunningNatsCluster,
  startNats,
  startNatsCluster,
} from '@parley/deploy/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventLogConformance } from '../event-log.conformance.ts';
import type { CommitRecord, EventLog } from '../event-log.ts';
import { createLogger } from '../log.ts';
import { connectNats, serverFault } from './connection.ts';
import { CuttableProxy } from './cuttable-proxy.ts';
import { type OpenLog, openEventLog } from './open.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'parley-log-'));
const opened: OpenLog[] = [];
let one: NatsServer;
let three: RunningNatsCluster;

async function open(natsUrl: string, replicas: 1 | 3): Promise<OpenLog> {
  const log = await openEventLog({ natsUrl, replicas, name: 'test', logger });
  opened.push(log);
  return log;
}

beforeAll(async () => {
  [one, three] = await Promise.all([
    startNats({ dir: join(dir, 'one') }),
    startNatsCluster({ dir: join(dir, 'three'), size: 3 }),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all(opened.map((log) => log.close().catch(() => undefined)));
  await Promise.all([one?.stop(), three?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

eventLogConformance('one server', async () => ({
  logs: [(await open(one.url, 1)).log, (await open(one.url, 1)).log],
}));
eventLogConformance('three servers', async () => ({
  logs: [(await open(three.url, 3)).log, (await open(three.url, 3)).log],
}));

/** What the server itself answers, which the append above has to even out between one and three replicas. */
describe.each([
  { name: 'one server', replicas: 1 as const, url: () => one.url },
  { name: 'three servers', replicas: 3 as const, url: () => three.url },
])('raw answers of $name', ({ name, replicas, url }) => {
  type Raw = { seq?: number; duplicate?: boolean; error?: { err_code: number } };
  let publish: (subject: string, headers: Record<string, string>) => Promise<Raw>;
  let api: (verb: string, body: object) => Promise<unknown>;
  let close: () => Promise<void>;
  let subjects = 0;
  const newSubject = (): string => `evt.01.conv.raw-${name.replaceAll(' ', '-')}-${++subjects}`;

  beforeAll(async () => {
    await open(url(), replicas);
    const { connection } = await connectNats({ natsUrl: url(), name: 'raw', logger });
    publish = async (subject, fields) => {
      const headers = newHeaders();
      for (const [key, value] of Object.entries(fields)) headers.set(key, value);
      return (await connection.request(subject, 'x', { headers, timeout: 5_000 })).json();
    };
    api = async (verb, body) =>
      (await connection.request(`$JS.API.${verb}`, JSON.stringify(body), { timeout: 5_000 })).json();
    close = () => connection.close();
  });
  afterAll(() => close());

  const ID = 'Nats-Msg-Id';
  const EXPECT = 'Nats-Expected-Last-Subject-Sequence';
  const tally = (answers: Raw[]) => ({
    stored: answers.filter((answer) => answer.seq && !answer.duplicate).length,
    duplicate: answers.filter((answer) => answer.duplicate).length,
    refused: answers.filter((answer) => answer.error).map((answer) => answer.error?.err_code),
  });

  test('a repeated message with the same expectation: wrong sequence on one, duplicate on three', async () => {
    const subject = newSubject();
    const first = await publish(subject, { [ID]: `${subject}-a`, [EXPECT]: '0' });
    const again = await publish(subject, { [ID]: `${subject}-a`, [EXPECT]: '0' });
    if (replicas === 1) expect(again.error?.err_code).toBe(10071);
    else expect(again).toMatchObject({ seq: first.seq, duplicate: true });
  });

  test('forty at once on one literal subject with one expectation: one is stored', async () => {
    const subject = newSubject();
    const answers = await Promise.all(Array.from({ length: 40 }, () => publish(subject, { [EXPECT]: '0' })));
    const { stored, refused } = tally(answers);
    expect(stored).toBe(1);
    expect(refused.every((code) => code === 10071 || code === 10164)).toBe(true);
  });

  test('forty subjects, each with its own expectation: all are stored', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => publish(newSubject(), { [EXPECT]: '0' })),
    );
    expect(tally(answers).stored).toBe(40);
  });

  test('forty at once without expectation: all are stored', async () => {
    const subject = newSubject();
    expect(tally(await Promise.all(Array.from({ length: 40 }, () => publish(subject, {})))).stored).toBe(40);
  });

  test('forty at once with one message id: one is stored, the rest are duplicates or told to wait', async () => {
    const subject = newSubject();
    const answers = await Promise.all(Array.from({ length: 40 }, () => publish(subject, { [ID]: subject })));
    const { stored, refused } = tally(answers);
    expect(stored).toBe(1);
    expect(refused.every((code) => code === 10158)).toBe(true);
  });

  test('a literal expectation never passes over a concurrent write to the same subject', async () => {
    for (let round = 0; round < 20; round++) {
      const subject = newSubject();
      const base = await publish(subject, {});
      const [free, fenced] = await Promise.all([
        publish(subject, {}),
        publish(subject, { [EXPECT]: String(base.seq) }),
      ]);
      const overtook = fenced.seq !== undefined && free.seq !== undefined && fenced.seq > free.seq;
      expect(overtook).toBe(false);
    }
  });

  test('a full purge of a subject forgets its sequence, keeping one message keeps it', async () => {
    const [gone, kept] = [newSubject(), newSubject()];
    await publish(gone, {});
    const last = await publish(kept, {});
    await api('STREAM.PURGE.EVT', { filter: gone });
    await api('STREAM.PURGE.EVT', { filter: kept, keep: 1 });
    expect((await publish(gone, { [EXPECT]: '0' })).seq).toBeGreaterThan(0);
    expect((await publish(kept, { [EXPECT]: '0' })).error?.err_code).toBe(10071);
    expect((await publish(kept, { [EXPECT]: String(last.seq) })).seq).toBeGreaterThan(0);
  });
});

describe('faults', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  /** Appends one after another as a process would; gives back the sequences it was told. */
  async function appendChain(log: EventLog, subject: string, count: number, id: string): Promise<number[]> {
    const told: number[] = [];
    for (let i = 0; i < count; i++) {
      const expectedLastSequence = told.at(-1) ?? 0;
      const outcome = await log.append({
        subject,
        commitId: `${id}-${i}`,
        payload: bytes(`${i}`),
        expectedLastSequence,
      });
      if (outcome.kind !== 'appended') throw new Error(`append ${i} of ${subject} conflicted with nobody`);
      told.push(outcome.sequence);
    }
    return told;
  }

  async function stored(log: EventLog, subject: string): Promise<CommitRecord[]> {
    const records: CommitRecord[] = [];
    for await (const page of log.read(subject, 0)) records.push(...page);
    return records;
  }

  test('a lost ack stores nothing twice, with one and with three replicas', async () => {
    for (const [url, replicas] of [
      [one.url, 1],
      [three.urls[0] ?? '', 3],
    ] as const) {
      const proxy = await CuttableProxy.start(url);
      const { log } = await open(proxy.url, replicas);
      const subject = `evt.02.conv.lost-ack-${replicas}`;
      for (let i = 0; i < 2; i++) {
        proxy.swallowAnswersThenCut();
        const [sequence] = await appendChain(log, `${subject}-${i}`, 1, subject + i);
        const records = await stored(log, `${subject}-${i}`);
        expect(records.map((record) => record.sequence)).toEqual([sequence]);
      }
      expect(proxy.cuts).toBe(2);
      await proxy.stop();
    }
  }, 60_000);

  test('leaders that step down in the middle of appends lose, double and reorder nothing', async () => {
    const { log } = await open(three.url, 3);
    const { connection } = await connectNats({ natsUrl: three.url, name: 'operator', logger });
    const subjects = Array.from({ length: 8 }, (_, i) => `evt.03.conv.step-down-${i}`);
    let appending = true;
    let stepDowns = 0;
    const work = Promise.all(subjects.map((subject) => appendChain(log, subject, 60, subject))).finally(
      () => {
        appending = false;
      },
    );
    while (appending && stepDowns < 4) {
      const reply = await connection
        .request('$JS.API.STREAM.LEADER.STEPDOWN.EVT', '', { timeout: 2_000 })
        .catch(() => null);
      if (reply?.json<{ success?: boolean }>().success) stepDowns++;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const told = await work;
    expect(stepDowns).toBeGreaterThan(0);
    for (const [index, subject] of subjects.entries()) {
      const records = await stored(log, subject);
      expect(records.map((record) => record.sequence)).toEqual(told[index]);
      expect(records.map((record) => new TextDecoder().decode(record.payload))).toEqual(
        Array.from({ length: 60 }, (_, i) => `${i}`),
      );
    }
    await connection.close();
  }, 90_000);

  test('a subscription goes on without a hole over a server restart and a killed leader', async () => {
    for (const [url, replicas, disturb] of [
      [one.url, 1, () => one.restart()],
      [three.url, 3, () => three.servers[0]?.restart()],
    ] as const) {
      const { log } = await open(url, replicas);
      const { last } = await log.bounds();
      const subject = `evt.04.conv.restart-${replicas}`;
      const seen: number[] = [];
      const subscription = log.subscribe({ afterSequence: last });
      const reading = (async () => {
        for await (const batch of subscription) {
          seen.push(...batch.map((record) => record.sequence));
          if (seen.length >= 200) return;
        }
      })();
      await appendChain(log, subject, 100, `${subject}-a`);
      await disturb();
      await appendChain(log, `${subject}-more`, 100, `${subject}-b`);
      await reading;
      expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => last + 1 + i));
    }
  }, 90_000);

  test('a subscription ends with an error when the log is replaced', async () => {
    const server = await startNats({ dir: join(dir, 'replaced') });
    const { log } = await open(server.url, 1);
    await appendChain(log, 'evt.05.conv.replaced', 3, 'replaced');
    const subscription = log.subscribe({ afterSequence: 0 });
    const reading = (async () => {
      for await (const batch of subscription) expect(batch.length).toBeGreaterThan(0);
    })();
    const { connection } = await connectNats({ natsUrl: server.url, name: 'operator', logger });
    await connection.request('$JS.API.STREAM.DELETE.EVT', '', { timeout: 5_000 });
    await open(server.url, 1);
    await expect(reading).rejects.toMatchObject({ name: 'ContinuityLost', reason: 'epoch' });
    await connection.close();
    await Promise.all(opened.splice(-2).map((log) => log.close()));
    await server.stop();
  }, 30_000);
});

test('an old server or one without JetStream is refused in words', () => {
  const info = (version: string, jetstream: boolean) => ({ info: { version, jetstream } }) as never;
  expect(serverFault(info('2.9.10', true))).toMatch(/2\.9\.10 is too old.*2\.12/);
  expect(serverFault(info('2.15.1', false))).toMatch(/without JetStream/);
  expect(serverFault(info('2.12.0', true))).toBeNull();
  expect(serverFault(info('3.0.0', true))).toBeNull();
});
