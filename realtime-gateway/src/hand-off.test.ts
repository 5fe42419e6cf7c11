import { type CommitItem, decodeCommit } from '@parley/contracts';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Feed, type Wire } from './feed.ts';
import { FlushRound } from './flush-round.ts';
import { Hub } from './hub.ts';
import type { StoredGoneTexts } from './read-gone-texts.ts';
import type { StoredMembership } from './read-membership.ts';
import { Resumer } from './resume-feed.ts';
import { readCommit } from './session/commit.ts';
import { MembershipFold } from './session/membership.ts';
import { conversation, drafts, TestWriter } from './testing/commits.ts';
import { racing } from './testing/racing-log.ts';
import { ReadingClient } from './testing/reading-client.ts';

const ALICE = 'alice';
const MINE = [conversation(1), conversation(2)];
const OTHERS = conversation(3);
const COMING_AND_GOING = conversation(4);

interface Circumstances {
  ringCommits: number;
  /** Commits by which the read model is behind. */
  lag: number;
  pageBytes: number;
}

class World {
  readonly log = new MemoryEventLog();
  readonly writer = new TestWriter(this.log);
  readonly records: CommitRecord[] = [];
  readonly hub: Hub;
  readonly client = new ReadingClient();
  readonly #round = new FlushRound();
  readonly #resumer: Resumer;
  readonly #scheduler: fc.Scheduler;
  readonly #lag: number;
  readonly faults: unknown[] = [];
  #feed: Feed | null = null;
  #accepted = 0;

  constructor(scheduler: fc.Scheduler, options: Circumstances) {
    this.#scheduler = scheduler;
    this.#lag = options.lag;
    this.hub = new Hub(
      0,
      { maxBytes: 1e9, maxCommits: options.ringCommits },
      {
        gap: (missing) => this.faults.push(`gap of ${missing}`),
        unreadable: (_, error) => this.faults.push(error),
        unknownRules: () => undefined,
      },
    );
    this.#resumer = new Resumer({
      hub: this.hub,
      log: racing(this.log, scheduler),
      memberships: (userId, since) =>
        scheduler.schedule(Promise.resolve(), 'memberships').then(() => this.#readModel(userId, since)),
      goneTexts: () => scheduler.schedule(Promise.resolve(), 'texts').then(() => this.#goneTexts()),
      observer: { replayed: () => undefined, reset: () => undefined },
      slots: 2,
      pageBytes: options.pageBytes,
    });
  }

  /** The read model, some commits behind the log; its lanes are at different places. */
  #readModel(userId: string, since: number): StoredMembership {
    const newest = this.records.length;
    const asOf = Math.max(0, newest - this.#lag);
    const lanes = MINE.concat(OTHERS, COMING_AND_GOING).map((conversationId, index) => {
      const upTo = index % 2 === 0 ? asOf : newest;
      return { upTo, mine: (record: CommitRecord) => record.subject.endsWith(conversationId) };
    });
    const fold = new MembershipFold(userId, since, { memberships: [], departures: [] });
    for (const record of this.records) {
      if (lanes.some((lane) => lane.mine(record) && record.sequence <= lane.upTo))
        fold.apply(readCommit(record));
    }
    const memberships = [...fold.memberships()].map((row) => {
      const upTo = lanes.find(
        (_, index) => MINE.concat(OTHERS, COMING_AND_GOING)[index] === row.conversationId,
      )?.upTo;
      const versions = this.records
        .filter((record) => record.sequence <= (upTo ?? 0) && record.subject.endsWith(row.conversationId))
        .flatMap((record) => decodeCommit(record.payload).map((event) => event.version ?? 0));
      return { ...row, version: Math.max(...versions) };
    });
    return { asOf, newest, epoch: this.log.epoch, memberships, departures: fold.departures() };
  }

  /** What the read model's slowest lane has applied. */
  #goneTexts(): StoredGoneTexts {
    const asOf = Math.max(0, this.records.length - this.#lag);
    return { asOf, texts: removals(this.records.slice(0, asOf)) };
  }

  async write(work: (writer: TestWriter) => Promise<number>): Promise<void> {
    const record = await this.log.at(await work(this.writer));
    if (record) this.records.push(record);
  }

  /** The process's subscription hands over what it has. */
  pump(): void {
    this.hub.accept(this.records.slice(this.#accepted));
    this.#accepted = this.records.length;
    this.#round.flush();
  }

  /** Texts that a replay handed out although what took them away had been seen. */
  readonly leaks: CommitItem[] = [];

  #watch(wire: Wire): Wire {
    return {
      bufferedBytes: 0,
      send: (frame, written) => {
        const seen = this.client.seen.length;
        const replaying = !this.client.live;
        wire.send(frame, written);
        if (replaying) this.leaks.push(...this.client.seen.slice(seen).filter((item) => this.#leaks(item)));
      },
    };
  }

  #leaks({ events }: CommitItem): boolean {
    const gone = removals(this.records.slice(0, this.hub.tail));
    return events.some(({ type, subject, data }) => {
      const { ordinal = 0, body } = data as { ordinal?: number; body?: string };
      const isGone = gone.some(
        ({ conversationId, deleted, expiredThrough }) =>
          subject.endsWith(conversationId) && (deleted.includes(ordinal) || ordinal <= expiredThrough),
      );
      return type === 'message.sent' && body !== undefined && isGone;
    });
  }

  connect(): void {
    this.cut();
    const wire = this.client.wire((written) => {
      // Whatever the gateway does in one tick with a frame must not depend on the tick being followed by quiet.
      queueMicrotask(() => this.pump());
      void this.#scheduler.schedule(Promise.resolve(), 'written').then(written);
    });
    const feed = new Feed(this.#watch(wire), {
      epoch: this.log.epoch,
      round: this.#round,
      observer: { overflowed: () => this.faults.push('overflow') },
    });
    this.#feed = feed;
    const { position } = this.client;
    const request = { connection: 'c', userId: ALICE, expiresAt: 0, since: position, feed: 'all' as const };
    this.#resumer.resume(feed, request).catch((error) => this.faults.push(error));
  }

  /** What was not flushed is lost with the connection, as it would be in the network. */
  cut(): void {
    this.#feed?.close();
    this.#feed = null;
    this.client.live = false;
  }

  async settle(): Promise<void> {
    await this.#scheduler.waitIdle();
    this.pump();
    await this.#scheduler.waitIdle();
    if (!this.client.live) this.connect();
    await this.#scheduler.waitIdle();
    this.pump();
  }

  expected(conversationIds: string[], after: number): CommitItem[] {
    return this.records
      .filter((record) => record.sequence > after)
      .filter((record) => conversationIds.some((id) => record.subject.endsWith(id)))
      .map((record) => ({ seq: record.sequence, events: decodeCommit(record.payload) }));
  }
}

/** What commits take away, told from the log. */
function removals(records: readonly CommitRecord[]): StoredGoneTexts['texts'] {
  return records.flatMap((record) => {
    const commit = readCommit(record);
    if (commit.kind !== 'conversation' || !commit.removed) return [];
    return [{ conversationId: commit.conversationId, ...commit.removed }];
  });
}

type Step =
  | { do: 'write'; to: number }
  | { do: 'pump' }
  | { do: 'connect' }
  | { do: 'cut' }
  | { do: 'take-away'; back: number; how: 'delete' | 'expire' }
  | { do: 'come-or-go' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ do: fc.constant('write' as const), to: fc.integer({ min: 0, max: 2 }) }),
    },
    { weight: 5, arbitrary: fc.constant<Step>({ do: 'pump' }) },
    { weight: 2, arbitrary: fc.constant<Step>({ do: 'connect' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'cut' }) },
    { weight: 2, arbitrary: fc.constant<Step>({ do: 'come-or-go' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('take-away' as const),
        back: fc.nat(6),
        how: fc.constantFrom('delete' as const, 'delete' as const, 'expire' as const),
      }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

async function perform(world: World, step: Step, roster: { in: boolean }): Promise<void> {
  switch (step.do) {
    case 'write': {
      const target = [...MINE, COMING_AND_GOING, OTHERS][step.to] ?? OTHERS;
      await world.write((writer) => writer.commit(target, drafts.sent(writer.version(target))));
      break;
    }
    case 'come-or-go': {
      const change = roster.in ? drafts.removed(ALICE) : drafts.added(ALICE);
      const around = [drafts.sent(1, 'before'), change, drafts.sent(2, 'after')];
      roster.in = !roster.in;
      await world.write((writer) => writer.commit(COMING_AND_GOING, ...around));
      break;
    }
    case 'take-away': {
      const [target = ''] = MINE;
      await world.write((writer) => {
        const ordinal = Math.max(1, writer.version(target) - step.back);
        const draft = step.how === 'delete' ? drafts.messageDeleted(ordinal) : drafts.expired(ordinal);
        return writer.commit(target, draft);
      });
      break;
    }
    case 'pump':
      world.pump();
      break;
    case 'connect':
      world.connect();
      break;
    case 'cut':
      world.cut();
      break;
  }
}

async function play(scheduler: fc.Scheduler, plan: Step[], options: Circumstances) {
  const world = new World(scheduler, options);
  for (const id of MINE) await world.write((writer) => writer.commit(id, drafts.created(ALICE, 'bob')));
  await world.write((writer) => writer.commit(OTHERS, drafts.created('bob')));
  await world.write((writer) => writer.commit(COMING_AND_GOING, drafts.created('bob')));
  world.pump();
  world.connect();
  await scheduler.waitIdle();
  const roster = { in: false };
  scheduler.scheduleSequence(
    plan.map((step) => ({ builder: () => perform(world, step, roster), label: step.do })),
  );
  await world.settle();
  return { world, roster };
}

const circumstances = fc.record({
  ringCommits: fc.integer({ min: 1, max: 12 }),
  lag: fc.integer({ min: 0, max: 8 }),
  pageBytes: fc.constantFrom(1, 600, 100_000),
});

test('whatever is cut, whenever: each visible commit arrives exactly once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, circumstances, async (scheduler, plan, options) => {
      const { world } = await play(scheduler, plan, options);
      expect(world.faults).toEqual([]);
      expect(world.client.faults).toEqual([]);
      expect(world.client.resets).toEqual([]);
      const mine = world.client.seen.filter(({ events }) =>
        MINE.some((id) => events[0]?.subject.endsWith(id)),
      );
      expect(mine.map(outlineOf)).toEqual(world.expected(MINE, 4).map(outlineOf));
      expect(world.leaks).toEqual([]);
    }),
    { numRuns: 400 },
  );
}, 30_000);

/** All but the texts, which may be gone. */
function outlineOf({ seq, events }: CommitItem) {
  return { seq, events: events.map(({ id, type, version }) => ({ id, type, version })) };
}

test('somebody who comes and goes sees nothing from between, and after the last coming everything', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, circumstances, async (scheduler, plan, options) => {
      const { world, roster } = await play(scheduler, plan, options);
      expect(world.faults).toEqual([]);
      const seen = world.client.seen
        .flatMap(({ events }) => events)
        .filter((event) => event.subject.endsWith(COMING_AND_GOING) || event.subject.endsWith(OTHERS));
      const { visible, sinceLastJoin } = visibleEvents(world);
      for (const event of seen) expect(visible).toContain(event.id);
      const ids = seen.map((event) => event.id);
      if (roster.in) expect(ids.filter((id) => sinceLastJoin.includes(id))).toEqual(sinceLastJoin);
      else if (sinceLastJoin.length > 0 && ids.some((id) => sinceLastJoin.includes(id))) {
        expect(world.client.revoked).toContain(COMING_AND_GOING);
      }
    }),
    { numRuns: 400 },
  );
}, 30_000);

/** Told from the log alone: each event of the conversation during which, or by which, Alice is a member. */
function visibleEvents(world: World): { visible: string[]; sinceLastJoin: string[] } {
  const visible: string[] = [];
  let sinceLastJoin: string[] = [];
  let member = false;
  for (const { events } of world.expected([COMING_AND_GOING], 0)) {
    for (const event of events) {
      if (event.type === 'members.added') {
        member = true;
        sinceLastJoin = [];
      }
      if (!member) continue;
      visible.push(event.id);
      sinceLastJoin.push(event.id);
      if (event.type === 'members.removed') member = false;
    }
  }
  return { visible, sinceLastJoin };
}
