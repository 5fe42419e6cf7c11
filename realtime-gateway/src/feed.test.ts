import { SOCKET_LIMITS } from '@parley/contracts';
import { afterEach, expect, test, vi } from 'vitest';
import { Feed } from './feed.ts';
import { FlushRound } from './flush-round.ts';
import { bytesOf } from './session/bytes.ts';
import type { Item } from './session/item.ts';

/** The transport of a client that takes what it is sent only when told. */
class HeldWire {
  readonly frames: string[] = [];
  readonly #taken: (() => void)[] = [];
  bufferedBytes = 0;

  send(frame: Uint8Array, written?: () => void): void {
    this.frames.push(new TextDecoder().decode(frame));
    this.bufferedBytes += frame.length;
    this.#taken.push(() => {
      this.bufferedBytes -= frame.length;
      written?.();
    });
  }

  take(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }
}

function open(): { wire: HeldWire; feed: Feed; rounds: FlushRound; overflows: () => number } {
  const wire = new HeldWire();
  const rounds = new FlushRound();
  let overflowed = 0;
  const observer = { overflowed: () => overflowed++ };
  const feed = new Feed(wire, { epoch: 'e', round: rounds, observer });
  feed.begin(0);
  return { wire, feed, rounds, overflows: () => overflowed };
}

function openLive(): ReturnType<typeof open> {
  const opened = open();
  opened.feed.goLive(0);
  opened.wire.frames.length = 0;
  return opened;
}

afterEach(() => {
  vi.useRealTimers();
});

const item = (sequence: number, size = 10): Item => ({
  sequence,
  bytes: bytesOf(JSON.stringify({ seq: sequence, events: ['x'.repeat(size)] })),
});
const note = bytesOf('{"t":"typing"}');
const half = SOCKET_LIMITS.queueBytes / 2;

test('what may be lost is sent only while the feed is live and its queue less than half full', () => {
  const { wire, feed } = open();
  expect(feed.whisper(note)).toBe(false);
  feed.goLive(0);
  expect(feed.whisper(note)).toBe(true);
  wire.take();
  wire.bufferedBytes = half - note.length;
  expect(feed.whisper(note)).toBe(true);
  expect(feed.whisper(note)).toBe(false);
  wire.take();
  wire.bufferedBytes = 0;
  expect(feed.whisper(note)).toBe(true);
  feed.close();
  expect(feed.whisper(note)).toBe(false);
  expect(wire.frames.filter((frame) => frame.includes('typing'))).toHaveLength(3);
});

test('a page comes after the commits that were given before it, what may be lost makes no frame of them', () => {
  const { wire, feed } = openLive();
  feed.offer(item(1));
  feed.whisper(note);
  feed.offer(item(2));
  void feed.page(bytesOf('{"t":"sub-commits"}'), 1);
  const types = wire.frames.map((frame) => JSON.parse(frame).t);
  expect(types).toEqual(['typing', 'commits', 'sub-commits']);
});

test('a page resolves when the client’s side has taken it, and when the feed is closed', async () => {
  const { wire, feed } = openLive();
  const settled: string[] = [];
  const first = feed.page(bytesOf('{"t":"sub-commits"}'), 1).then(() => settled.push('taken'));
  await Promise.resolve();
  expect(settled).toEqual([]);
  wire.take();
  await first;
  const second = feed.page(bytesOf('{"t":"sub-commits"}'), 1).then(() => settled.push('closed'));
  feed.close();
  await second;
  await feed.page(bytesOf('{"t":"sub-commits"}'), 1);
  expect(settled).toEqual(['taken', 'closed']);
  expect(wire.frames).toHaveLength(2);
});

test('a feed whose queue is half full collects in the slow round, and loses no commit', () => {
  const { wire, feed, rounds } = openLive();
  void feed.page(new Uint8Array(half + 1), 1);
  wire.frames.length = 0;
  feed.offer(item(1));
  rounds.prompt.flush();
  feed.offer(item(2));
  expect(wire.frames).toEqual([]);
  rounds.slow.flush();
  wire.take();
  feed.offer(item(3));
  rounds.slow.flush();
  expect(wire.frames).toHaveLength(1);
  rounds.prompt.flush();
  const sent = wire.frames.flatMap((frame) => JSON.parse(frame).items.map(({ seq }: { seq: number }) => seq));
  expect(sent).toEqual([1, 2, 3]);
});

test('a page that does not fit into the queue ends the feed', async () => {
  const { wire, feed, overflows } = openLive();
  wire.bufferedBytes = SOCKET_LIMITS.queueBytes;
  const page = feed.page(bytesOf('{"t":"sub-commits"}'), 1);
  expect(overflows()).toBe(1);
  feed.close();
  await page;
  expect(wire.frames).toEqual([]);
});

test('a page that is taken too slowly ends the feed, one that was taken or is left behind does not', () => {
  vi.useFakeTimers();
  const [slow, prompt, gone] = [openLive(), openLive(), openLive()];
  // Ten seconds, and twenty for so many bytes.
  for (const { feed } of [slow, prompt, gone]) void feed.page(bytesOf('x'.repeat(40 * 1024)), 1);
  prompt.wire.take();
  gone.feed.close();
  vi.advanceTimersByTime(29_999);
  expect(slow.overflows()).toBe(0);
  vi.advanceTimersByTime(1);
  expect([slow, prompt, gone].map(({ overflows }) => overflows())).toEqual([1, 0, 0]);
});

test('feeds that missed the same share the frame that brings it, and no other does', () => {
  const frames: Uint8Array[] = [];
  const rounds = new FlushRound();
  const wire = { bufferedBytes: 0, send: (frame: Uint8Array) => void frames.push(frame) };
  const feeds = Array.from({ length: 3 }, () => {
    const feed = new Feed(wire, { epoch: 'e', round: rounds, observer: { overflowed: () => undefined } });
    feed.begin(0);
    return feed;
  });
  const [one, two, three] = [item(1), item(2), item(3)];
  void feeds[0]?.replay([one, two], 2);
  void feeds[1]?.replay([one, two], 2);
  void feeds[2]?.replay([one, three], 3);
  expect(frames[1]).toBe(frames[0]);
  const texts = frames.map((frame) => JSON.parse(new TextDecoder().decode(frame)));
  expect(texts.map(({ items }) => items.map(({ seq }: { seq: number }) => seq))).toEqual([
    [1, 2],
    [1, 2],
    [1, 3],
  ]);
});
