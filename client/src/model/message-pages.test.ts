import type { CommitItem, MessagesPage } from '@parley/contracts';
import { formatPosition } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EPOCH, History, ROOM, VIEWER } from '../testing/history.ts';
import { conversationAnswer, messagesPage } from '../testing/history-answers.ts';
import { eventOf, type Step } from '../testing/history-steps.ts';
import {
  applyToPages,
  firstOrdinal,
  MAX_ITEMS,
  type MessagePages,
  messagePages,
  oldestVersion,
  withOlderPage,
} from './message-pages.ts';

const small = fc.nat({ max: 40 });
const happenings = fc.record<Step>({
  do: fc.nat({ max: 23 }),
  who: fc.nat({ max: 3 }),
  which: small,
  how: small,
});
/** What happens on the server, and what reaches the client when. */
const moves = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('happens' as const), step: happenings }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('delivered' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('asked' as const), behind: fc.nat({ max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answered' as const) }) },
);
const stories = fc.record({
  before: fc.array(happenings, { minLength: 5, maxLength: 50 }),
  after: fc.array(moves, { minLength: 1, maxLength: 60 }),
  pageSize: fc.integer({ min: 1, max: 8 }),
});

/** A page as the read API gives it: rows of now, and a position that may be behind them. */
function pageBefore(history: History, before: number, size: number, asOf: number): MessagesPage {
  const whole = messagesPage(history, Number.MAX_SAFE_INTEGER);
  const older = whole.items.filter((message) => message.ordinal < before);
  const items = older.slice(-size);
  return {
    asOf: formatPosition(EPOCH, asOf),
    version: whole.version,
    items: structuredClone(items),
    hasBefore: older.length > items.length,
    hasAfter: true,
  };
}

class World {
  readonly history = new History();
  readonly commits: CommitItem[] = [];
  delivered = 0;
  pages: MessagePages | null = null;
  asked: { before: number; page: MessagesPage; from: number } | null = null;

  constructor() {
    const members = ['ann', 'bob', 'cat'].map((userId) => ({ userId, role: 'member' as const }));
    const settings = conversationAnswer(this.history).conversation.settings;
    const data = { type: 'group' as const, members, settings };
    this.history.commit([{ type: 'conversation.created', actor: 'bob', data }]);
  }

  happen(step: Step): void {
    const event = eventOf(this.history, step);
    if (event) this.commits.push(this.history.commit([event]));
  }

  deliver(): void {
    const commit = this.commits[this.delivered];
    if (!commit || !this.pages) return;
    this.delivered++;
    this.pages = applyToPages(this.pages, commit, VIEWER);
  }

  ask(size: number, behind: number): void {
    const before = this.pages && firstOrdinal(this.pages);
    if (before === null || this.asked) return;
    const handed = this.commits[this.delivered - 1]?.seq ?? 1;
    const asOf = Math.max(handed, this.history.sequence - behind);
    this.asked = { before, page: pageBefore(this.history, before, size, asOf), from: this.delivered };
  }

  answer(): void {
    if (!this.asked || !this.pages) return;
    const { before, page, from } = this.asked;
    this.asked = null;
    const since = this.commits.slice(from, this.delivered);
    this.pages = withOlderPage(this.pages, { page, before, since }, VIEWER);
  }
}

test('pages read backward meet the commits that come in the meantime: every message is there once, as it is', () => {
  let paged = 0;
  fc.assert(
    fc.property(stories, ({ before, after, pageSize }) => {
      const world = new World();
      for (const step of before) world.happen(step);
      world.delivered = world.commits.length;
      world.pages = messagePages(ROOM, messagesPage(world.history, pageSize, world.history.sequence));
      for (const move of after) {
        if (move.kind === 'happens') world.happen(move.step);
        else if (move.kind === 'delivered') world.deliver();
        else if (move.kind === 'asked') world.ask(pageSize, move.behind);
        else world.answer();
      }
      world.answer();
      while (world.delivered < world.commits.length) world.deliver();
      const { items, hasBefore, stale, parts } = world.pages;
      if (items.length > pageSize) paged++;
      const from = hasBefore ? (items[0]?.ordinal ?? Number.POSITIVE_INFINITY) : 0;
      const whole = messagesPage(world.history, Number.MAX_SAFE_INTEGER);
      const shown = (messages: typeof whole.items) =>
        messages.map(({ thread, ...message }) => ({
          ...message,
          thread: stale ? null : thread,
          reactions: [...message.reactions].sort((a, b) => (a.emoji < b.emoji ? -1 : 1)),
        }));
      expect(shown([...items])).toEqual(shown(whole.items.filter(({ ordinal }) => ordinal >= from)));
      expect(parts).toHaveLength(1);
    }),
    { numRuns: 500 },
  );
  expect(paged).toBeGreaterThan(50);
});

test('what is in all pages is what the one that was read first has', () => {
  const page = (version: number, ordinal: number): MessagesPage => ({
    ...pageBefore(new History(), Number.MAX_SAFE_INTEGER, 1, 1),
    version,
    hasBefore: true,
    items: [{ ordinal } as MessagesPage['items'][number]],
  });
  const pages = withOlderPage(
    messagePages(ROOM, page(7, 5)),
    { page: page(9, 4), before: 5, since: [] },
    VIEWER,
  );
  expect([pages.parts.length, oldestVersion(pages)]).toEqual([2, 7]);
});

test('a page that is not the one before is not taken', () => {
  const history = new World();
  for (let n = 0; n < 12; n++) history.happen({ do: 0, who: 1, which: 0, how: 0 });
  const pages = messagePages(ROOM, messagesPage(history.history, 4, history.history.sequence));
  const page = pageBefore(history.history, 5, 2, history.history.sequence);
  expect(withOlderPage(pages, { page, before: 5, since: [] }, VIEWER)).toBe(pages);
});

test('pages that grow for ever lose their oldest messages, which can be loaded again', () => {
  const world = new World();
  world.happen({ do: 0, who: 1, which: 0, how: 0 });
  const [one] = messagesPage(world.history, 1).items;
  if (!one) throw new Error('nothing was sent');
  const items = Array.from({ length: MAX_ITEMS }, (_, index) => ({ ...one, ordinal: index + 1 }));
  const version = world.history.version;
  const page = { asOf: `${EPOCH}:1`, version, items, hasBefore: false, hasAfter: false };
  world.happen({ do: 0, who: 1, which: 0, how: 0 });
  const [, next] = world.commits;
  if (!next) throw new Error('nothing was sent');
  const pages = applyToPages(messagePages(ROOM, page), next, VIEWER);
  expect(pages.items).toHaveLength(4_000);
  expect(pages.items.at(-1)?.messageId).not.toBe(one.messageId);
  expect(firstOrdinal(pages)).toBe(MAX_ITEMS - 4_000 + 2);
});

test('what is about another conversation leaves the pages the same object', () => {
  const world = new World();
  for (let n = 0; n < 3; n++) world.happen({ do: 0, who: 1, which: 0, how: 0 });
  const pages = messagePages(ROOM, messagesPage(world.history, 10, world.history.sequence));
  const [elsewhere] = world.commits;
  const moved = elsewhere?.events.map((event) => ({ ...event, subject: 'conversation/elsewhere' })) ?? [];
  expect(applyToPages(pages, { seq: 999, events: moved as CommitItem['events'] }, VIEWER)).toBe(pages);
});
