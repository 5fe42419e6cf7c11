import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { isLoadable, secureSnapshot } from '@parley/command-api';
import { conversationSubject, LOG_STREAM, userSubject } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog, readRange } from '@parley/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeArchive } from '../archive/write-archive.ts';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { silentProgress } from '../progress.ts';
import { archiveLimit, compareWithArchive } from './check-archive.ts';
import { LogStream } from './log-stream.ts';
import { purgeSubjects } from './purge-subjects.ts';
import { restoreSnapshots } from './restore-snapshots.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-retention-'));
const archive = join(dir, 'archive');
const logger = createLogger({ name: 'test', level: 'silent' });
const quiet = { progress: silentProgress, signal: new AbortController().signal };
const warnings: string[] = [];
const [busy, still, odd] = [uuid(1), uuid(2), uuid(3)];
let nats: NatsServer;
let opened: OpenLog;
let writer: LogWriter;

const open = () =>
  openEventLog({
    natsUrl: nats.url,
    replicas: 1,
    name: 'test',
    logger: createLogger(
      { name: 'test', level: 'warn' },
      { write: (line: string) => void warnings.push(line) },
    ),
  });

beforeAll(async () => {
  nats = await startNats({ dir: join(dir, 'nats') });
  opened = await open();
  writer = new LogWriter(opened.log);
  await writer.commit(still, drafts.created('Still', 'ada'));
  await writer.commit(still, drafts.sent(1));
  await writer.commit(busy, drafts.created('Busy', 'ada', 'bob'));
  for (let n = 1; n <= 600; n++) await writer.commit(busy, drafts.sent(n));
  await writer.reads({ conversationId: busy, userId: 'ada', readOrdinal: 1 });
  await writer.reads({ conversationId: busy, userId: 'ada', readOrdinal: 2 });
  await writer.append(conversationSubject(odd), Buffer.from('no events'));
  await writer.append(conversationSubject(odd), Buffer.from('nor these'));
  await writer.own('josé', {
    type: 'message.scheduled',
    data: {
      scheduleId: uuid(9),
      conversationId: busy,
      at: '2030-01-01T00:00:00.000Z',
      message: { body: 'later', format: 'plain' },
    },
  } as never);
  await writeArchive({ log: opened.log, dir: archive, limits: { commits: 100, bytes: 1e6 }, ...quiet });
}, 60_000);
afterAll(async () => {
  await opened?.close();
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function sequencesOf(subject: string): Promise<number[]> {
  const found: number[] = [];
  for await (const page of opened.log.read(subject, 0)) found.push(...page.map(({ sequence }) => sequence));
  return found;
}

function purge(through: number, { dryRun = false, storedBefore = Number.POSITIVE_INFINITY } = {}) {
  const { log, snapshots } = opened;
  return LogStream.use(nats.url, (stream) =>
    purgeSubjects({
      ...{ log, snapshots, stream, logger, through, storedBefore, dryRun, ...quiet },
      skipped: new Set<string>(),
      check: async () => undefined,
    }),
  );
}

test('an archive that holds what the log holds is believed, another is not', async () => {
  const { log } = opened;
  const { through } = await archiveLimit(archive, log, quiet);
  // The archive's last commit stays.
  expect(through).toBe((await log.bounds()).last - 1);
  await expect(compareWithArchive(log, archive, through, quiet)).resolves.toBeUndefined();
  const forged = { ...log, epoch: log.epoch, read: log.read.bind(log) };
  forged.read = async function* (subject, after) {
    for await (const page of log.read(subject, after)) {
      yield page.map((record) =>
        record.sequence === 300 ? { ...record, payload: Buffer.from('x') } : record,
      );
    }
  };
  await expect(compareWithArchive(forged, archive, through, quiet)).rejects.toThrow(
    'Commit 300 is not in the archive',
  );
  await expect(compareWithArchive(forged, archive, 299, quiet)).resolves.toBeUndefined();
  forged.at = log.at.bind(log);
  forged.read = async function* (subject, after) {
    for await (const page of log.read(subject, after)) return yield page;
  };
  await expect(compareWithArchive(forged, archive, through, quiet)).rejects.toThrow('Try again');
});

test.each([
  ['forgets by age', { max_age: 3_600e9, duplicate_window: 60e9 }, { max_age: 0 }],
  ['size is limited', { max_bytes: 10e6 }, { max_bytes: -1 }],
])('nothing rests on a store of snapshots that %s', async (fault, lossy, whole) => {
  const connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  const looked = () => LogStream.use(nats.url, (stream) => stream.refuseLossySnapshots());
  await expect(looked()).resolves.toBeUndefined();
  await manager.streams.update('KV_snapshots', lossy);
  await expect(looked()).rejects.toThrow(fault);
  await manager.streams.update('KV_snapshots', whole);
  await expect(looked()).resolves.toBeUndefined();
  await connection.close();
});

test('a dry run, and commits that are too young, remove nothing and promise nothing', async () => {
  const before = await opened.log.bounds();
  const dry = await purge(500, { dryRun: true });
  expect(dry.of('conversation')).toMatchObject({ subjects: 3, purged: 2, commits: 499 });
  const young = await purge(500, { storedBefore: 0 });
  expect(young.of('conversation')).toMatchObject({ purged: 0, commits: 0, kept: [] });
  expect(await opened.log.bounds()).toEqual(before);
  expect(await sequencesOf(conversationSubject(busy))).toHaveLength(601);
});

test('old commits are removed up to the bound, each subject keeps its last, and the log says from where it is complete', async () => {
  const { log } = opened;
  const { last } = await log.bounds();
  const tallies = await purge(500);
  // Commits 1 of the still one and 3 to 500 of the busy one: the bound itself is included.
  expect(tallies.of('conversation')).toMatchObject({ purged: 2, commits: 499 });
  expect(await sequencesOf(conversationSubject(still))).toEqual([2]);
  expect((await sequencesOf(conversationSubject(busy)))[0]).toBe(501);
  expect(await log.bounds()).toEqual({ first: 501, last });
  for (const afterSequence of [0, 1, 499]) {
    const reading = (async () => {
      for await (const batch of log.subscribe({ afterSequence })) expect(batch).toEqual([]);
    })();
    await expect(reading).rejects.toMatchObject({ name: 'ContinuityLost', reason: 'retention' });
  }
  for await (const batch of readRange(log, { after: 500, until: 501 })) {
    expect(batch.map(({ sequence }) => sequence)).toEqual([501]);
  }
});

test('a run that ended between saying so and removing costs nothing: what is there is loaded, and removed by the next', async () => {
  const { log, snapshots } = opened;
  const { last } = await log.bounds();
  const subject = conversationSubject(busy);
  const before = await sequencesOf(subject);
  await LogStream.use(nats.url, (stream) => stream.raiseCompleteFrom(last + 1));
  expect(await log.bounds()).toEqual({ first: last + 1, last });
  expect(await sequencesOf(subject)).toEqual(before);
  expect(await isLoadable({ log, snapshots, logger }, subject)).toBe(true);
});

test('what a durable reader has not read stays', async () => {
  const connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  const durable_name = 'analytics_test';
  const start = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 10 };
  await manager.consumers.add(LOG_STREAM, { durable_name, ack_policy: AckPolicy.Explicit, ...start });
  const limits = await LogStream.use(nats.url, (stream) => stream.readers());
  expect(limits).toMatchObject([{ through: 9, because: expect.stringContaining('analytics_test') }]);
  const refused = (through: number) =>
    LogStream.use(nats.url, (stream) => stream.refuseReadersBefore(through));
  await expect(refused(9)).resolves.toBeUndefined();
  await expect(refused(10)).rejects.toThrow('analytics_test');
  await manager.consumers.delete(LOG_STREAM, durable_name);
  expect(await LogStream.use(nats.url, (stream) => stream.readers())).toEqual([]);
  await connection.close();
});

test('a second run goes on, keeps what cannot be folded or is still to be sent, and says so', async () => {
  const { log } = opened;
  const { last } = await log.bounds();
  const tallies = await purge(last);
  expect(tallies.of('conversation')).toMatchObject({ purged: 1, commits: 102 });
  expect(tallies.of('conversation').kept).toMatchObject([{ subjects: 1, isTrouble: true }]);
  expect(tallies.of('reads')).toMatchObject({ commits: 1 });
  expect(tallies.hasTrouble()).toBe(true);
  expect(await sequencesOf(conversationSubject(odd))).toHaveLength(2);
  expect(await sequencesOf(userSubject('josé'))).toHaveLength(1);
  expect((await purge(last)).of('conversation')).toMatchObject({ purged: 0 });
  // Never lowered.
  await LogStream.use(nats.url, (stream) => stream.raiseCompleteFrom(7));
  expect((await log.bounds()).first).toBe(last + 1);
});

test('a process that starts afterwards finds the same log, without a warning, and the next commits follow', async () => {
  const again = await open();
  expect(again.log.epoch).toBe(opened.log.epoch);
  expect(warnings).toEqual([]);
  const subject = conversationSubject(still);
  const request = { subject, commitId: 'next', payload: Buffer.from('[]') };
  expect(await again.log.append({ ...request, expectedLastSequence: 0 })).toEqual({ kind: 'conflict' });
  expect(await again.log.append({ ...request, expectedLastSequence: 2 })).toMatchObject({ kind: 'appended' });
  await again.close();
});

test('a snapshot that is lost is made anew from the archive and the log, and what cannot be is told', async () => {
  const { log, snapshots } = opened;
  const source = { log, snapshots, logger };
  const subject = conversationSubject(busy);
  const before = await secureSnapshot(source, subject);
  await snapshots.put(subject, Buffer.from('{}'), { epoch: log.epoch, sequence: before?.sequence ?? 0 });
  expect(await isLoadable(source, subject)).toBe(false);
  const restored = await LogStream.use(nats.url, (stream) =>
    restoreSnapshots({ log, snapshots, stream, logger, dir: archive, ...quiet }),
  );
  // What the test before has written into the still one can be folded by nobody.
  const failed = [{ subject: conversationSubject(still), reason: 'not a batch of events' }];
  expect(restored).toEqual({ purged: 2, restored: 1, failed });
  expect(await secureSnapshot(source, subject)).toEqual(before);
});
