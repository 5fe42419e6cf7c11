import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { grouped } from '../log/counted.ts';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { type Progress, silentProgress } from '../progress.ts';
import { LogStream } from './log-stream.ts';
import { purgeSubjects } from './purge-subjects.ts';

const CONVERSATIONS = 100;
const dir = mkdtempSync(join(tmpdir(), 'parley-purge-'));
const logger = createLogger({ name: 'test', level: 'silent' });
let nats: NatsServer;
let opened: OpenLog;

beforeAll(async () => {
  nats = await startNats({ dir });
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  const writer = new LogWriter(opened.log);
  for (let n = 0; n < CONVERSATIONS; n++) {
    await writer.commit(uuid(n), drafts.created('A room', 'ada'));
    await writer.commit(uuid(n), drafts.sent(1));
  }
});
afterAll(async () => {
  await opened?.close();
  await nats?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function storedCommits(): Promise<number> {
  const { last } = await opened.log.bounds();
  const found = await Promise.all(Array.from({ length: last }, (_, n) => opened.log.at(n + 1)));
  return found.filter((record) => record !== null).length;
}

test('a run that is stopped says what it has removed and from where the log is complete', async () => {
  const { log, snapshots } = opened;
  const { last: through } = await log.bounds();
  const stopping = new AbortController();
  const said: string[] = [];
  const progress: Progress = {
    ...silentProgress,
    say: (text) => void said.push(text),
    start: (_title, _total, detail = () => '') => ({
      ...silentProgress.start('', 0),
      advance: () => detail() !== '0 commits' && stopping.abort(new Error('stopped')),
    }),
  };
  const stopped = LogStream.use(nats.url, (stream) =>
    purgeSubjects({
      ...{ log, snapshots, stream, logger, through, progress, signal: stopping.signal, dryRun: false },
      storedBefore: Number.POSITIVE_INFINITY,
      skipped: new Set<string>(),
      check: async () => undefined,
    }),
  );
  await expect(stopped).rejects.toThrow('stopped');
  const left = await storedCommits();
  const removed = 2 * CONVERSATIONS - left;
  expect(removed).toBeGreaterThan(0);
  expect(left).toBeGreaterThan(CONVERSATIONS);
  const commits = removed === 1 ? '1 commit is' : `${removed} commits are`;
  expect(said).toEqual([`${commits} removed; the log is complete from ${grouped(through + 1)} on.`]);
});
