import { encodeCommit } from '@parley/contracts';
import { type CommitRecord, createLogger, MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import { expect, test } from 'vitest';
import { conversationAggregate } from './domain/conversation-aggregate.ts';
import { CONVERSATION, conversation, enveloped, sent } from './domain/decider-spec.ts';
import { catchUp, loadAggregate } from './load-aggregate.ts';
import { foldSubject, isLoadable, secureSnapshot } from './secure-snapshot.ts';
import { WriterProcess } from './testing/writer-rig.ts';

const aggregate = conversationAggregate(CONVERSATION);
const { subject } = aggregate;

/** As retention leaves it: complete from a sequence on, of what was before only each subject's last commit. */
class PurgedLog extends MemoryEventLog {
  completeFrom = 1;

  override async bounds(): Promise<{ first: number; last: number }> {
    return { first: this.completeFrom, last: (await super.bounds()).last };
  }

  override async *read(of: string, afterSequence: number): AsyncIterable<CommitRecord[]> {
    const last = await this.lastSequence(of);
    for await (const page of super.read(of, afterSequence)) {
      yield page.filter(({ sequence }) => sequence >= this.completeFrom || sequence === last);
    }
  }
}

async function logOf(messages: number): Promise<PurgedLog> {
  const log = new PurgedLog();
  const events = [
    conversation('group', { anna: 'owner' }),
    ...Array.from({ length: messages }, (_, n) => sent(n + 1)),
  ];
  for (const [index, event] of events.entries()) {
    const payload = encodeCommit([enveloped(event, index + 1)]);
    await log.append({ subject, commitId: `${index}`, payload, expectedLastSequence: index });
  }
  return log;
}

function place(log: PurgedLog) {
  const lines: { level: string; message: string; subject?: string }[] = [];
  const logger = createLogger(
    { name: 'test', level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { source: { log, snapshots: new MemorySnapshotStore(), logger }, lines };
}

test('a secured snapshot and what is left of the log are the aggregate that it was', async () => {
  const log = await logOf(20);
  const { source, lines } = place(log);
  const before = await loadAggregate(source, aggregate);
  expect(await secureSnapshot(source, subject, { dryRun: true })).toEqual({ sequence: 21, neededFrom: null });
  expect(await source.snapshots.get(subject)).toBeNull();
  expect(await secureSnapshot(source, subject)).toEqual({ sequence: 21, neededFrom: null });
  log.completeFrom = 22;
  const after = await loadAggregate(source, aggregate);
  expect([after.version, after.sequence, after.state.messageCount]).toEqual([
    21,
    21,
    before.state.messageCount,
  ]);
  expect(lines).toEqual([]);
});

test.each([
  ['is missing', null],
  ['is of another format', '{"format":1,"epoch":"EPOCH"}'],
  ['is of another log', '{"format":4,"epoch":"other"}'],
  ['is no JSON', 'nothing'],
])(
  'an aggregate without its beginning whose snapshot %s is refused, its log tells what to do, nothing is appended',
  async (_, bytes) => {
    const log = await logOf(20);
    const { source, lines } = place(log);
    log.completeFrom = 15;
    if (bytes !== null) {
      const value = Buffer.from(bytes.replace('EPOCH', log.epoch));
      await source.snapshots.put(subject, value, { epoch: log.epoch, sequence: 21 });
    }
    expect(await isLoadable(source, subject)).toBe(false);
    const told = lines.filter(({ level }) => level === 'error');
    expect(told).toMatchObject([{ subject, message: expect.stringContaining('restore-snapshots') }]);
    const process = new WriterProcess(log, source.snapshots);
    await expect(process.send(CONVERSATION, 'anna', 'hello')).rejects.toMatchObject({ code: 'unavailable' });
    expect(await log.lastSequence(subject)).toBe(21);
    const fold = await foldSubject(subject);
    for await (const page of MemoryEventLog.prototype.read.call(log, subject, 0))
      for (const each of page) fold?.take(each);
    await fold?.finish(source);
    expect(await isLoadable(source, subject)).toBe(true);
  },
);

test('a writer that slept while its next commits were removed fails once, and loads anew', async () => {
  const log = await logOf(5);
  const { source } = place(log);
  const asleep = await loadAggregate(source, aggregate);
  for (let n = 6; n <= 9; n++) {
    const payload = encodeCommit([enveloped(sent(n), n + 1)]);
    await log.append({ subject, commitId: `${n}`, payload, expectedLastSequence: n });
  }
  await secureSnapshot(source, subject);
  log.completeFrom = 9;
  await expect(catchUp(log, aggregate, asleep)).rejects.toMatchObject({ code: 'unavailable' });
  expect((await loadAggregate(source, aggregate)).version).toBe(10);
});

test('a load that meets retention between the snapshot and the log begins again with the newer snapshot, and says nothing', async () => {
  const log = await logOf(20);
  const { source, lines } = place(log);
  const { snapshots } = source;
  const meeting = {
    get: async (key: string) => {
      const bytes = await snapshots.get(key);
      if (log.completeFrom === 1) {
        await secureSnapshot(source, subject);
        log.completeFrom = 22;
      }
      return bytes;
    },
    put: snapshots.put.bind(snapshots),
  };
  expect((await loadAggregate({ ...source, snapshots: meeting }, aggregate)).version).toBe(21);
  expect(lines).toEqual([]);
});

test('a hole that retention did not make is a fault of the log, and secures nothing', async () => {
  const log = await logOf(5);
  const { source } = place(log);
  const payload = encodeCommit([enveloped(sent(8), 9)]);
  await log.append({ subject, commitId: 'hole', payload, expectedLastSequence: 6 });
  await expect(secureSnapshot(source, subject)).rejects.toThrow('version 9 after 6 at sequence 7');
  expect(await source.snapshots.get(subject)).toBeNull();
});

test('a subject of cursors, of nobody and of no name of ours has no snapshot', async () => {
  const { source } = place(await logOf(1));
  for (const other of ['evt.01.reads', 'evt.01.user.~!', 'evt.01.conv', 'else']) {
    expect(await secureSnapshot(source, other)).toBeNull();
  }
});
