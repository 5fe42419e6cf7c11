import { formatPosition, type ServerFrame } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import { expect, test } from 'vitest';
import { Feed } from './feed.ts';
import { FlushRound } from './flush-round.ts';
import { Hub } from './hub.ts';
import { Resumer } from './resume-feed.ts';
import { conversation, drafts, TestWriter } from './testing/commits.ts';

/** A process that replays to one user at a time, and whose log holds one commit. */
async function start() {
  const log = new MemoryEventLog();
  const faults = { gap: () => undefined, unreadable: () => undefined, unknownRules: () => undefined };
  const hub = new Hub(0, { maxBytes: 1e9, maxCommits: 100 }, faults);
  const record = await log.at(await new TestWriter(log).commit(conversation(1), drafts.created('bob')));
  if (record) hub.accept([record]);
  const reflected = { asOf: 1, newest: 1, epoch: log.epoch };
  const resumer = new Resumer({
    hub,
    log,
    memberships: async () => ({ ...reflected, memberships: [], departures: [] }),
    goneTexts: async () => ({ asOf: 1, texts: [] }),
    observer: { replayed: () => undefined, reset: () => undefined },
    slots: 1,
    pageBytes: 1_000,
  });
  const resume = async (since: string | null, asked: 'all' | 'none' = 'all'): Promise<string[]> => {
    const kinds: string[] = [];
    const send = (bytes: Uint8Array, written?: () => void): void => {
      kinds.push((JSON.parse(new TextDecoder().decode(bytes)) as ServerFrame).t);
      written?.();
    };
    const options = { epoch: log.epoch, round: new FlushRound(), observer: { overflowed: () => undefined } };
    const feed = new Feed({ bufferedBytes: 0, send }, options);
    const request = { connection: `from ${since}`, userId: 'zoe', expiresAt: 0, since, feed: asked };
    await resumer.resume(feed, request);
    return kinds;
  };
  return { log, hub, resumer, resume };
}

test('who has missed nothing, or starts anew, waits for no replay; who has, waits', async () => {
  const { log, resumer, resume } = await start();
  let end = (): void => undefined;
  const reading = resumer.line.run('zoe', () => new Promise((resolve) => (end = resolve)));
  const behind = resume(formatPosition(log.epoch, 0));
  expect(await resume(null)).toEqual(['welcome', 'live']);
  expect(await resume(formatPosition(log.epoch, 1))).toEqual(['welcome', 'live']);
  expect(await resume(formatPosition(log.epoch.replaceAll(/[0-9]/g, 'a'), 1))).toEqual([
    'welcome',
    'reset',
    'live',
  ]);
  expect(resumer.waiting).toBe(1);
  end();
  await reading;
  expect(await behind).toEqual(['welcome', 'live']);
});

test('without a feed nothing is replayed, but another log is told', async () => {
  const { log, resume } = await start();
  expect(await resume(formatPosition(log.epoch, 0), 'none')).toEqual(['welcome', 'live']);
  expect(await resume(formatPosition(log.epoch.replaceAll(/[0-9]/g, 'a'), 1), 'none')).toContain('reset');
  expect(await resume(formatPosition(log.epoch, 9), 'none')).toContain('reset');
});

test('without a feed a node that is behind the client catches up before it welcomes', async () => {
  const { log, hub, resume } = await start();
  const record = await log.at(await new TestWriter(log).commit(conversation(2), drafts.created('bob')));
  const welcomed = resume(formatPosition(log.epoch, 2), 'none');
  expect(await Promise.race([welcomed, Promise.resolve('not yet')])).toBe('not yet');
  if (record) hub.accept([record]);
  expect(await welcomed).toEqual(['welcome', 'live']);
});
