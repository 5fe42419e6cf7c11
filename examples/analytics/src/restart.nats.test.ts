import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AckPolicy, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import { LOG_STREAM, LOG_SUBJECTS, type LogEvent } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { randomLog, type Written } from './random-log.test-support.ts';
import { readState, type State } from './state-file.ts';

const CONSUMER = 'analytics_test';
const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let dir: string;
let stateFile: string;
let server: NatsServer;
let services: NatsConnection;
let manager: JetStreamManager;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'parley-analytics-'));
  stateFile = join(dir, 'state.json');
  server = await startNats({ dir: join(dir, 'nats'), analyticsConsumer: CONSUMER });
  services = await connect({ servers: server.url });
  manager = await jetstreamManager(services);
  await makeLog('epoch-1');
});
afterEach(async () => {
  await services.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** As `parley analytics add` makes it, but what was not acknowledged comes again after one second. */
async function makeLog(epoch: string): Promise<void> {
  await manager.streams.add({ name: LOG_STREAM, subjects: [LOG_SUBJECTS] });
  await manager.consumers.add(LOG_STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(1_000),
    max_ack_pending: 400,
    metadata: { epoch },
  });
}

async function publish(commits: readonly Written[]): Promise<void> {
  const client = jetstream(services);
  for (const { subject, payload } of commits) await client.publish(subject, payload);
}

function start(): ChildProcess {
  const args = [program, '--once', '--consumer', CONSUMER, '--state', stateFile];
  const env = { ...process.env, ANALYTICS_URL: server.analyticsUrl };
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function untilEnd(): Promise<{ code: number | null; output: string; errors: string }> {
  const child = start();
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk) => (output += String(chunk)));
  child.stderr?.on('data', (chunk) => (errors += String(chunk)));
  const [code] = await once(child, 'close');
  return { code: code as number | null, output, errors };
}

/** Kills it when it says that it has counted `batches`, or in the moment after its state was stored. */
async function killed(batches: number, when: 'counted' | 'stored'): Promise<void> {
  const child = start();
  const kill = () => child.kill('SIGKILL');
  let seen = 0;
  const reached = () => ++seen === batches && kill();
  const watcher =
    when === 'stored' ? watch(dir, (_kind, name) => name === 'state.json' && reached()) : undefined;
  const lines = child.stderr && createInterface(child.stderr);
  if (when === 'counted') lines?.on('line', reached);
  const [, signal] = await once(child, 'exit');
  watcher?.close();
  expect(signal).toBe('SIGKILL');
}

function groups(events: readonly LogEvent[], key: (event: LogEvent) => string): Map<string, LogEvent[]> {
  const found = new Map<string, LogEvent[]>();
  for (const event of events) found.set(key(event), [...(found.get(key(event)) ?? []), event]);
  return found;
}

/** The same numbers, counted without any of the program: all events at once, whole lists, nothing forgotten. */
function naive(commits: readonly Written[]) {
  const events = commits.flatMap((commit) => commit.events);
  const messages = events.filter(({ type }) => type === 'message.sent');
  const active = events.filter(({ type }) => type !== 'conversation.updated');
  const perHour = groups(messages, ({ time }) => time.slice(0, 13));
  const perDay = groups(active, ({ time }) => time.slice(0, 10));
  const waits = [...groups(messages, ({ subject }) => subject).values()].flatMap((talk) =>
    talk.flatMap((message, at) => {
      const before = talk[at - 1];
      const wait = before ? Date.parse(message.time) - Date.parse(before.time) : 0;
      return before && before.actor !== message.actor && wait <= 604_800_000 ? [wait] : [];
    }),
  );
  const short = (wait: number) => Number(String(wait).slice(0, 3).padEnd(String(wait).length, '0'));
  return {
    messages: [...perHour].map(([hour, list]) => [hour, list.length]),
    users: [...perDay].map(([day, list]) => [day, new Set(list.map(({ actor }) => actor)).size]),
    responses: waits.map(short).sort((a, b) => a - b),
    unreadable: commits.filter((commit) => commit.events.length === 0).length,
  };
}

function shown({ numbers, unreadable }: State): ReturnType<typeof naive> {
  const responses = [...numbers.responses].flatMap(([wait, times]) => Array<number>(times).fill(wait));
  return {
    messages: [...numbers.messagesPerHour],
    users: [...numbers.activeUsers].map(([day, users]) => [day, users instanceof Set ? users.size : users]),
    responses: responses.sort((a, b) => a - b),
    unreadable,
  };
}

test('the numbers are exact after many kills, while the log grows', { timeout: 120_000 }, async () => {
  const log = randomLog(4_000, 7);
  await publish(log.slice(0, 2_000));
  for (const [at, when] of (
    ['stored', 'counted', 'stored', 'stored', 'counted', 'stored'] as const
  ).entries()) {
    await killed(1 + (at % 3), when);
    await publish(log.slice(2_000 + at * 300, 2_300 + at * 300));
  }
  await publish(log.slice(3_800));
  const { code, output } = await untilEnd();
  expect(code).toBe(0);
  expect(shown(readState(stateFile))).toEqual(naive(log));
  expect(output).toContain('counted up to sequence 4000');
  const { delivered } = await manager.consumers.info(LOG_STREAM, CONSUMER);
  // Otherwise no kill left anything unacknowledged, and nothing was shown.
  expect(delivered.consumer_seq).toBeGreaterThan(delivered.stream_seq);
});

test('commits that come again behind newer ones are counted in their place', {
  timeout: 60_000,
}, async () => {
  const log = randomLog(600, 11);
  await publish(log);
  const client = jetstream(services);
  const another = await client.consumers.get(LOG_STREAM, CONSUMER);
  for await (const _ of await another.fetch({ max_messages: 150 }));
  expect((await untilEnd()).code).toBe(0);
  expect(shown(readState(stateFile))).toEqual(naive(log));
});

test('a log of another epoch is refused and the numbers stay', async () => {
  await publish(randomLog(50, 3));
  await untilEnd();
  const before = readState(stateFile);
  await manager.streams.delete(LOG_STREAM);
  await makeLog('epoch-2');
  await publish(randomLog(60, 4));
  const { code, errors } = await untilEnd();
  expect(code).toBe(1);
  expect(errors).toContain('Move it away to count this log from its start');
  expect(readState(stateFile)).toEqual(before);
});

test('a consumer that is not there is named, and what makes it', async () => {
  await manager.consumers.delete(LOG_STREAM, CONSUMER);
  const { code, errors } = await untilEnd();
  expect(code).toBe(1);
  expect(errors).toContain('parley analytics add');
  expect(existsSync(stateFile)).toBe(false);
});
