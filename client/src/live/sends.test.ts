import type { CommandInput, CommitItem, MessageView } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  advanceOutbox,
  EMPTY_OUTBOX,
  entriesOf,
  type OutboxEntry,
  type OutboxInput,
  type OutboxState,
} from '../outbox/outbox-state.ts';
import { beginLoad, cutOff, endLoad, type Fold, isExact, type Kept, takeCommit, UNKNOWN } from './kept.ts';
import { type MessageRow, MessageRows } from './message-rows.ts';
import { NO_SENDS, type Sends, takeArrived, takeOutbox, withoutArrived, withoutSends } from './sends.ts';

const atNetwork = ['write', 'arrive', 'answer', 'lose', 'hear', 'handle', 'retry', 'discard'] as const;
const atPage = ['cut', 'load', 'loaded'] as const;
const kinds = [...atNetwork, ...atPage] as const;
const stories = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat({ max: 5 }), refuse: fc.boolean() }),
  { minLength: 10, maxLength: 120 },
);
type Move = { kind: (typeof kinds)[number]; which: number; refuse: boolean };

interface Post {
  key: string;
  outcome: 'accepted' | 'refused' | null;
}

const message = (messageId: string) => ({ messageId }) as MessageView;
const commitOf = (key: string, seq: number) => ({ seq, events: [{ commandid: key }] }) as CommitItem;
const dataOf = (body: string): CommandInput<'message.send'> => ({ conversationId: 'c1', body });

type Page = readonly MessageView[];
const fold: Fold<Page> = {
  apply: (page, { events: [event] }) => {
    const key = event?.commandid ?? '';
    return holds(page, key) ? page : [...page, message(key)];
  },
  isStale: () => false,
};
const holds = (page: Page | null, key: string) => page?.some(({ messageId }) => messageId === key) ?? false;

/** A client with the real outbox, its network, and the log. Every order of things is possible but those that are not. */
class World {
  readonly rows = new MessageRows();
  readonly log: string[] = [];
  readonly written: string[] = [];
  readonly discarded = new Set<string>();
  posts: Post[] = [];
  outbox: OutboxState = EMPTY_OUTBOX;
  sends: Sends = NO_SENDS;
  heard = 0;
  handled = 0;
  kept: Kept<Page> = { ...UNKNOWN, model: [] };
  #loading: { page: Page; accepted: ReadonlySet<string> } | null = null;
  #now = 0;

  constructor() {
    this.take({ kind: 'loaded', entries: [], now: 0 });
  }

  take(input: OutboxInput): void {
    const { state, effects } = advanceOutbox(this.outbox, input);
    this.outbox = state;
    this.sends = takeOutbox(this.sends, this.#held());
    for (const effect of effects) {
      if (effect.do === 'post') this.posts.push({ key: effect.entry.key, outcome: null });
    }
    // A store that takes everything at once.
    const keys = new Set(state.slots.filter(({ stored }) => !stored).map(({ entry }) => entry.key));
    if (keys.size > 0) this.take({ kind: 'stored', keys, now: this.#now });
  }

  #held() {
    return entriesOf(this.outbox).map(({ key, data, state, fault }) => ({
      key,
      data: data as CommandInput<'message.send'>,
      state,
      fault,
    }));
  }

  do({ kind, which, refuse }: Move): void {
    this.#now += 40_000;
    const now = this.#now;
    const post = this.posts[which % Math.max(1, this.posts.length)];
    const entry = entriesOf(this.outbox)[which % Math.max(1, entriesOf(this.outbox).length)];
    if (kind === 'write') {
      const key = `k${this.written.length}`;
      this.written.push(key);
      this.take({ kind: 'send', command: { key, type: 'message.send', data: dataOf(key) }, now });
    } else if (kind === 'arrive' && post) this.#arrive(post, refuse);
    else if (kind === 'answer' && post?.outcome) this.#answer(post, now);
    else if (kind === 'lose' && post) this.#fail(post, false, now);
    else if (kind === 'hear') this.hear();
    else if (kind === 'handle') this.handle();
    else if (kind === 'retry' && entry) this.take({ kind: 'retry', key: entry.key, now });
    else if (kind === 'discard' && entry) this.#discard(entry, now);
    else if (kind === 'cut') this.kept = cutOff(this.kept, false);
    else if (kind === 'load') this.load();
    else if (kind === 'loaded') this.loaded();
    this.take({ kind: 'tick', now });
    this.#settle();
  }

  /** Whatever came in together is looked at together. */
  #settle(): void {
    const { model } = this.kept;
    const isMissing = (key: string) => !isExact(this.kept, fold) && !holds(model, key);
    this.sends = withoutArrived(this.sends, ({ key }) => isMissing(key));
  }

  #arrive(post: Post, refuse: boolean): void {
    if (post.outcome) return;
    post.outcome = this.log.includes(post.key) || !refuse ? 'accepted' : 'refused';
    if (post.outcome === 'accepted' && !this.log.includes(post.key)) this.log.push(post.key);
  }

  #answer(post: Post, now: number): void {
    if (post.outcome === 'refused') {
      this.#fail(post, true, now);
      return;
    }
    this.posts = this.posts.filter((each) => each !== post);
    const position = `e:${this.log.indexOf(post.key) + 1}`;
    const result = { messageId: post.key, ordinal: 1 };
    const accepted = { commandId: post.key, position, version: 1, result, replayed: false };
    this.take({ kind: 'accepted', key: post.key, accepted, now });
  }

  #fail(post: Post, definite: boolean, now: number): void {
    this.posts = this.posts.filter((each) => each !== post);
    const code = definite ? 'not-found' : 'network';
    const fault = { code, status: 0, detail: '', errors: [] } as const;
    const failed = {
      key: post.key,
      fault: { ...fault, errors: [] },
      definite,
      retryAfterMs: 0,
      chance: 0.5,
      now,
    };
    this.take({ kind: 'failed', ...failed });
  }

  /** What the socket brings settles the outbox before the consumer has it. */
  hear(): void {
    const key = this.log[this.heard];
    if (key === undefined) return;
    this.heard++;
    const waits = entriesOf(this.outbox).some((entry) => entry.key === key && entry.state !== 'sending');
    this.take({ kind: 'seen', key, now: this.#now });
    // Of one that is not on its way it cannot be told from one that was given up: the consumer has it at once.
    while (waits && this.handled < this.heard) this.handle();
  }

  handle(): void {
    const key = this.log[this.handled];
    if (key === undefined || this.handled >= this.heard) return;
    this.handled++;
    const commit = commitOf(key, this.handled);
    this.sends = takeArrived(this.sends, commit);
    this.kept = takeCommit(this.kept, commit, fold);
  }

  #discard(entry: OutboxEntry, now: number): void {
    const before = entriesOf(this.outbox).length;
    this.take({ kind: 'discard', key: entry.key, now });
    if (entriesOf(this.outbox).length < before) this.discarded.add(entry.key);
  }

  load(): void {
    if (this.#loading) return;
    const accepted = this.sends.list.filter(({ state }) => state === 'accepted').map(({ key }) => key);
    this.#loading = { page: this.log.map(message), accepted: new Set(accepted) };
    this.kept = beginLoad(this.kept);
  }

  loaded(): void {
    if (!this.#loading) return;
    this.kept = endLoad(this.kept, this.#loading.page, fold);
    this.sends = withoutSends(this.sends, this.#loading.accepted);
    this.#loading = null;
    this.#settle();
  }

  shown(): readonly MessageRow[] {
    return this.rows.of(this.kept.model ?? [], this.sends.list);
  }
}

test('whatever order answer, event, refusal, retry and reload come in, a message is shown exactly once', () => {
  const seen = { pending: 0, failed: 0, accepted: 0, arrived: 0 };
  fc.assert(
    fc.property(stories, (story) => {
      const world = new World();
      for (const move of story) {
        world.do(move);
        const keys = world.shown().map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        const expected = world.written.filter((key) => !world.discarded.has(key));
        expect(expected.filter((key) => !keys.includes(key))).toEqual([]);
        const strangers = keys.filter((key) => !world.log.includes(key) && !expected.includes(key));
        expect(strangers).toEqual([]);
        for (const row of world.shown()) if (row.kind !== 'sent') seen[row.kind]++;
        seen.accepted += world.sends.list.filter(({ state }) => state === 'accepted').length;
        seen.arrived += world.sends.list.filter(({ key }) => world.sends.arrived.has(key)).length;
      }
      while (world.heard < world.log.length) world.hear();
      while (world.handled < world.heard) world.handle();
      // What was under way may have been of before a cut.
      for (const _ of ['under way', 'anew']) {
        world.load();
        world.loaded();
      }
      const sent = world.shown().filter(({ kind }) => kind === 'sent');
      expect(sent.map(({ key }) => key).sort()).toEqual([...world.log].sort());
      expect(world.sends.list.filter(({ key }) => world.log.includes(key))).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});

test('a row is the same object while what it shows is the same', () => {
  const rows = new MessageRows();
  const [one, two] = [message('m1'), message('m2')];
  const [first] = rows.of([one], []);
  expect(rows.of([one, two], [])[0]).toBe(first);
  expect(rows.of([message('m1')], [])[0]).not.toBe(first);
});
