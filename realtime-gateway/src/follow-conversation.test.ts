import {
  conversationSubject,
  DEFAULT_SETTINGS,
  type Role,
  type ServerFrame,
  SOCKET_LIMITS,
} from '@parley/contracts';
import { type CommitRecord, type EventLog, LogUnavailable, MemoryEventLog } from '@parley/runtime';
import { describe, expect, test } from 'vitest';
import { Feed } from './feed.ts';
import { FlushRound } from './flush-round.ts';
import { ConversationFollower } from './follow-conversation.ts';
import { Hub } from './hub.ts';
import type { AskedAccess, StoredAccess } from './read-access.ts';
import { AccessFold, NOTHING_KNOWN } from './session/access.ts';
import { readCommit } from './session/commit.ts';
import { conversation, type Draft, drafts, TestWriter } from './testing/commits.ts';
import { WaitingLine } from './waiting-line.ts';

const ZOE = 'zoe';

/** One process whose read model is never behind it, and one socket of Zoe's. */
class Process {
  readonly log = new MemoryEventLog();
  readonly writer = new TestWriter(this.log);
  readonly hub: Hub;
  readonly follower: ConversationFollower;
  readonly line: WaitingLine;
  readonly frames: ServerFrame[] = [];
  readonly feed: Feed;
  readonly #records: CommitRecord[] = [];
  /** What the socket has not taken yet, while it takes nothing. */
  stuck: (() => void)[] | null = null;

  constructor(
    options: {
      ringCommits?: number;
      slots?: number | undefined;
      log?: (log: EventLog) => EventLog;
    } = {},
  ) {
    this.line = new WaitingLine(options.slots ?? 4);
    const faults = { gap: () => undefined, unreadable: () => undefined, unknownRules: () => undefined };
    this.hub = new Hub(0, { maxBytes: 1e9, maxCommits: options.ringCommits ?? 1e6 }, faults);
    this.follower = new ConversationFollower({
      hub: this.hub,
      log: options.log?.(this.log) ?? this.log,
      access: (asked) => Promise.resolve(this.#access(asked)),
      goneTexts: () => Promise.resolve({ asOf: this.hub.tail, texts: [] }),
      line: this.line,
      pageBytes: 1_000,
    });
    const wire = {
      bufferedBytes: 0,
      send: (bytes: Uint8Array, written?: () => void) => {
        this.frames.push(JSON.parse(new TextDecoder().decode(bytes)));
        if (!written) return;
        if (this.stuck) this.stuck.push(written);
        else written();
      },
    };
    const observer = { overflowed: () => undefined };
    this.feed = new Feed(wire, { epoch: this.log.epoch, round: new FlushRound(), observer });
    this.feed.begin(0);
    this.feed.goLive(0);
  }

  #access({ conversationId }: AskedAccess): StoredAccess {
    const fold = new AccessFold(conversationId, ZOE, NOTHING_KNOWN);
    const mine = this.#records.filter(({ subject }) => subject === conversationSubject(conversationId));
    for (const record of mine) fold.apply(readCommit(record));
    const { tail } = this.hub;
    return { asOf: tail, newest: tail, epoch: this.log.epoch, snapshot: fold.snapshot, begin: 0 };
  }

  /** Her feed is one of all, and she is a member here. */
  enter(...conversationIds: string[]): void {
    const memberships = conversationIds.map((conversationId) => ({
      conversationId,
      joinedSequence: 1,
      joinedOrdinal: 0,
      role: 'member' as const,
      memberCount: 1,
      rules: { receipts: true, history: 'shared' as const, type: 'channel' as const },
    }));
    this.hub.audience.admit(ZOE, this.feed, memberships);
  }

  async write(id: string, ...events: Draft[]): Promise<void> {
    const record = await this.log.at(await this.writer.commit(id, ...events));
    if (!record) return;
    this.#records.push(record);
    this.hub.accept([record]);
    this.feed.flush();
  }

  async channel(id: string, role?: Role): Promise<void> {
    const members = role ? [{ userId: ZOE, role }] : [];
    const data = { type: 'channel' as const, members, settings: DEFAULT_SETTINGS };
    await this.write(id, { type: 'conversation.created', data });
  }

  async say(id: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.write(id, drafts.sent(this.writer.version(id)));
  }

  follow(id: string, from: number | 'head' = 0, feed: 'all' | 'none' = 'none'): Promise<void> {
    const request = { userId: ZOE, segments: [], feed, id: 1, conversation: id, from };
    return this.follower.open(this.feed, request);
  }

  kinds(): string[] {
    return this.frames.map((frame) => ('reason' in frame ? `${frame.t} ${frame.reason}` : frame.t));
  }

  versions(type: 'commits' | 'sub-commits'): (number | undefined)[] {
    return this.frames.flatMap((frame) =>
      frame.t === type ? frame.items.flatMap(({ events }) => events.map((event) => event.version)) : [],
    );
  }
}

const ROOM = conversation(1);

/** The log without one commit of it. */
const without =
  (sequence: number) =>
  (log: EventLog): EventLog => {
    async function* filtered(pages: AsyncIterable<CommitRecord[]>): AsyncGenerator<CommitRecord[]> {
      for await (const page of pages) yield page.filter((record) => record.sequence !== sequence);
    }
    return {
      epoch: log.epoch,
      append: (request) => log.append(request),
      lastSequence: (subject) => log.lastSequence(subject),
      at: (at) => log.at(at),
      bounds: () => log.bounds(),
      read: (subject, after) => filtered(log.read(subject, after)),
      subscribe(options) {
        const inner = log.subscribe(options);
        return {
          head: () => inner.head(),
          close: () => inner.close(),
          [Symbol.asyncIterator]: () => filtered(inner),
        };
      },
    };
  };

describe('a reset, after which it goes on from the head', () => {
  test.each([
    ['memory', 1e6, 0],
    ['the log', 10, SOCKET_LIMITS.replayEvents],
  ])('when more is missed than a replay brings, from %s', async (_, ringCommits, sent) => {
    const process = new Process({ ringCommits });
    await process.channel(ROOM);
    await process.say(ROOM, SOCKET_LIMITS.replayEvents);
    await process.follow(ROOM);
    expect(process.versions('sub-commits').length).toBeLessThanOrEqual(sent);
    expect(process.kinds().slice(-2)).toEqual(['reset too-far', 'sub-live']);
    expect(process.frames.at(-1)).toMatchObject({ version: SOCKET_LIMITS.replayEvents + 1 });
    await process.say(ROOM, 1);
    expect(process.versions('commits')).toEqual([SOCKET_LIMITS.replayEvents + 2]);
  });

  test.each([
    ['the middle', 3],
    ['the beginning', 1],
    ['the end', 6],
  ])('when %s of what the log should have is not there', async (_, missing) => {
    const process = new Process({ ringCommits: 1, log: without(missing) });
    await process.channel(ROOM);
    await process.say(ROOM, 5);
    await process.write(conversation(2), drafts.sent(1));
    await process.follow(ROOM);
    expect(process.kinds().slice(-2)).toEqual(['reset continuity', 'sub-live']);
    expect(process.versions('sub-commits')).not.toContain(missing + 1);
    await process.say(ROOM, 1);
    expect(process.versions('commits')).toEqual([7]);
  });
});

test('a socket follows so many conversations and no more, and those that ended leave room', async () => {
  const process = new Process();
  const ids = Array.from({ length: SOCKET_LIMITS.subscriptions + 2 }, (_, n) => conversation(n + 1));
  for (const id of ids) await process.channel(id);
  for (const id of ids) await process.follow(id);
  const refused = process.frames.flatMap((frame) => (frame.t === 'error' ? [frame.code] : []));
  expect(refused).toEqual(['limit-reached', 'limit-reached']);
  const [first = '', second = ''] = ids;
  process.follower.close(process.feed, first);
  await process.write(second, drafts.deleted());
  const before = process.frames.length;
  for (const id of ids.slice(-2)) await process.follow(id);
  expect(process.kinds().slice(before)).toEqual(Array(2).fill(['sub-ok', 'sub-commits', 'sub-live']).flat());
});

test('a member with a feed follows nothing: each sub is a replay and over', async () => {
  const process = new Process();
  const ids = Array.from({ length: SOCKET_LIMITS.subscriptions + 1 }, (_, n) => conversation(n + 1));
  for (const id of ids) await process.channel(id, 'member');
  for (const id of ids) await process.follow(id, 0, 'all');
  expect(process.kinds().filter((kind) => kind === 'sub-live')).toHaveLength(ids.length);
  await process.say(ROOM, 1);
  expect(process.versions('commits')).toEqual([]);
  expect(process.hub.audience.conversation(ROOM)).toBeUndefined();
});

test('at the limit a member still fills gaps, and what is followed already may start anew', async () => {
  const process = new Process();
  const ids = Array.from({ length: SOCKET_LIMITS.subscriptions + 1 }, (_, n) => conversation(n + 1));
  for (const id of ids) await process.channel(id);
  const mine = conversation(999);
  await process.channel(mine, 'member');
  process.enter(mine);
  for (const id of ids.slice(1)) await process.follow(id, 0, 'all');
  const before = process.frames.length;
  await process.follow(mine, 0, 'all');
  const again = process.follow(ids.at(-1) ?? '', 0, 'all');
  const another = process.follow(ROOM, 0, 'all');
  await Promise.all([again, another]);
  const [refusal, ...rest] = process.kinds().slice(before).sort();
  expect(refusal).toBe('error');
  expect(rest).toEqual(['sub-commits', 'sub-commits', 'sub-live', 'sub-live', 'sub-ok', 'sub-ok']);
});

test.each([
  ['coming and going', [drafts.added(ZOE), drafts.left(ZOE)], ['commit 2', 'revoked left']],
  [
    'coming, going and coming',
    [drafts.added(ZOE), drafts.left(ZOE), drafts.added(ZOE)],
    ['commit 2', 'commit 3'],
  ],
])('%s in one commit reaches a visitor once', async (_, changes, expected) => {
  const process = new Process();
  await process.channel(ROOM);
  process.enter();
  await process.follow(ROOM, 'head', 'all');
  const before = process.frames.length;
  await process.write(ROOM, ...changes);
  await process.say(ROOM, 1);
  const said = process.frames.slice(before).flatMap((frame) => {
    if (frame.t === 'commits') return frame.items.map(({ seq }) => `commit ${seq}`);
    return frame.t === 'revoked' ? [`revoked ${frame.reason}`] : [];
  });
  expect(said).toEqual(expected);
});

describe('while a replay waits for the socket', () => {
  async function waiting(slots?: number) {
    const process = new Process({ slots });
    await process.channel(ROOM);
    await process.say(ROOM, 20);
    process.stuck = [];
    const first = process.follow(ROOM);
    while (process.stuck.length === 0) await Promise.resolve();
    const release = () => {
      for (const written of process.stuck ?? []) written();
      process.stuck = null;
    };
    return { process, first, release };
  }

  test('the same conversation asked for again starts anew, and is attached once', async () => {
    const { process, first, release } = await waiting();
    const again = process.follow(ROOM, 19);
    const before = process.frames.length;
    release();
    await Promise.all([first, again]);
    const [answer, page, live, ...more] = process.frames.slice(before);
    expect(answer).toMatchObject({ t: 'sub-ok', from: 19, head: 21 });
    expect([page?.t, live?.t, more]).toEqual(['sub-commits', 'sub-live', []]);
    await process.say(ROOM, 1);
    expect(process.versions('commits')).toEqual([22]);
  });

  test('asked for a thousand times, it waits once, and given up not at all', async () => {
    const { process, first, release } = await waiting();
    const asked = Array.from({ length: 1_000 }, () => process.follow(ROOM));
    expect(process.line.waiting).toBe(1);
    process.follower.close(process.feed, ROOM);
    expect(process.line.waiting).toBe(0);
    await Promise.all(asked);
    release();
    await first;
  });

  test('no more wait than may be followed, and none when the socket is gone', async () => {
    const { process, first, release } = await waiting();
    const ids = Array.from({ length: SOCKET_LIMITS.subscriptions + 5 }, (_, n) => conversation(n + 2));
    const asked = ids.map((id) => process.follow(id));
    // The first takes its page, and one more has begun meanwhile.
    expect(process.line.waiting).toBe(SOCKET_LIMITS.subscriptions - 2);
    expect(process.kinds().filter((kind) => kind === 'error')).toHaveLength(6);
    process.feed.close();
    expect(process.line.waiting).toBe(0);
    release();
    await Promise.all([first, ...asked]);
  });

  test('others are served with the only slot there is', async () => {
    const { process, first, release } = await waiting(1);
    let served = false;
    await process.line.run('somebody else', async () => {
      served = true;
    });
    expect(served).toBe(true);
    release();
    await first;
  });

  test('another one waits its turn, and given up meanwhile it is not answered', async () => {
    const { process, first, release } = await waiting();
    const other = conversation(2);
    await process.channel(other);
    const [kept, dropped] = [process.follow(other), process.follow(conversation(3))];
    process.follower.close(process.feed, conversation(3));
    await Promise.resolve();
    expect(process.kinds().filter((kind) => kind === 'sub-ok')).toHaveLength(1);
    release();
    await Promise.all([first, kept, dropped]);
    expect(process.kinds().filter((kind) => kind === 'sub-ok')).toHaveLength(2);
    expect(process.kinds()).not.toContain('error');
  });

  test.each([
    ['unsub', (process: Process) => process.follower.close(process.feed, ROOM)],
    ['the end of the socket', (process: Process) => process.feed.close()],
    ['a ban', (process: Process) => process.write(ROOM, drafts.banned(ZOE))],
  ])('%s ends it', async (_, end) => {
    const { process, first, release } = await waiting();
    await end(process);
    const before = process.frames.length;
    release();
    await first;
    await process.say(ROOM, 1);
    expect(process.frames.slice(before)).toEqual([]);
    expect(process.hub.audience.conversation(ROOM)).toBeUndefined();
  });
});

test('when the log fails in the middle of a replay, nothing is followed', async () => {
  const failing = (log: EventLog): EventLog => {
    return {
      ...without(0)(log),
      subscribe: () => {
        throw new LogUnavailable('away');
      },
    };
  };
  const process = new Process({ ringCommits: 1, log: failing });
  await process.channel(ROOM);
  await process.say(ROOM, 5);
  await expect(process.follow(ROOM)).rejects.toThrow(LogUnavailable);
  await process.say(ROOM, 1);
  expect(process.kinds().slice(-1)).toEqual(['sub-ok']);
  expect(process.hub.audience.conversation(ROOM)).toBeUndefined();
});
