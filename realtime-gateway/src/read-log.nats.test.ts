import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversationSubject, readsSubject } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { type CommitRecord, createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAll, readSubjects } from './read-log.ts';
import { conversation, drafts, TestWriter } from './testing/commits.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-read-log-'));
const ids = [1, 2, 3, 4, 5].map(conversation);
let nats: NatsServer;
let log: EventLog;
let close: () => Promise<void>;

beforeAll(async () => {
  nats = await startNats({ dir });
  const logger = createLogger({ name: 'test', level: 'silent' });
  ({ log, close } = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger }));
  const writer = new TestWriter(log);
  // More than a page of each subject, in turns of different length.
  for (let n = 0; n < 3_000; n++) {
    const id = ids[(n * n) % ids.length] ?? '';
    if (n % 50 === 7) await writer.reads([{ conversationId: id, userId: 'ada', readOrdinal: n }]);
    else await writer.commit(id, drafts.sent(n + 1));
  }
});

afterAll(async () => {
  await close?.();
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function collect(pages: AsyncIterable<CommitRecord[]>): Promise<CommitRecord[]> {
  const records: CommitRecord[] = [];
  for await (const page of pages) records.push(...page);
  return records;
}

test('reading through the log gives the range, whole and in order', async () => {
  const records = await collect(readAll(log, { after: 100, until: 2_500 }));
  expect(records.map((record) => record.sequence)).toEqual(Array.from({ length: 2_400 }, (_, n) => 101 + n));
  expect(await collect(readAll(log, { after: 2_500, until: 2_500 }))).toEqual([]);
});

test.each([1, 2, 4])(
  'looking up %i subjects gives the same as reading through and dropping the rest',
  async (count) => {
    const chosen = ids.slice(0, count);
    const subjects = [...new Set([...chosen.map(conversationSubject), ...chosen.map(readsSubject)])];
    for (const range of [
      { after: 0, until: 3_000 },
      { after: 700, until: 2_100 },
      { after: 2_990, until: 2_991 },
    ]) {
      const all = await collect(readAll(log, range));
      const wanted = all.filter((record) => subjects.includes(record.subject));
      const found = await collect(readSubjects(log, range, subjects));
      expect(found.map((record) => record.sequence)).toEqual(wanted.map((record) => record.sequence));
      expect(found.map((record) => Buffer.from(record.payload).toString())).toEqual(
        wanted.map((record) => Buffer.from(record.payload).toString()),
      );
    }
  },
);
