import type { CommitItem } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { History, ROOM, VIEWER } from '../testing/history.ts';
import { conversationAnswer, membersPage, messagesPage } from '../testing/history-answers.ts';
import { eventOf, type Step } from '../testing/history-steps.ts';
import { applyToConversation, conversationModel } from './conversation.ts';
import { applyToMembers, membersModel } from './members.ts';
import { applyToMessages, messagesModel } from './messages.ts';

const small = fc.nat({ max: 40 });
const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  do: fc.nat({ max: 23 }),
  who: fc.nat({ max: 3 }),
  which: small,
  how: small,
});
const stories = fc.record({
  steps: fc.array(stepArbitrary, { minLength: 1, maxLength: 60 }),
  /** Where the snapshot is taken, and how far its position is behind what its rows hold. */
  taken: fc.nat({ max: 60 }),
  behind: fc.nat({ max: 8 }),
  pageSize: fc.integer({ min: 1, max: 12 }),
});

/** The commits of a story as the viewer gets them; `look` sees the history as it is at the snapshot. */
function play<T>(
  story: { steps: Step[]; taken: number; behind: number },
  look: (past: History, asOf: number) => T,
) {
  const history = new History();
  const members = ['ann', 'bob', 'cat'].map((userId) => ({ userId, role: 'member' as const }));
  const settings = conversationAnswer(history).conversation.settings;
  const commits: CommitItem[] = [];
  const created = { type: 'group' as const, members, settings };
  history.commit([{ type: 'conversation.created', actor: 'bob', data: created }]);
  let seen: { at: T; asOf: number } | null = null;
  const take = (): void => {
    const asOf = Math.max(1, history.sequence - story.behind);
    seen ??= { at: structuredClone(look(history, asOf)), asOf };
  };
  for (const [index, step] of story.steps.entries()) {
    if (index >= story.taken) take();
    const event = eventOf(history, step);
    if (event) commits.push(history.commit([event]));
  }
  take();
  const { at, asOf } = seen as unknown as { at: T; asOf: number };
  return { history, at, after: commits.filter((commit) => commit.seq > asOf) };
}

test('a conversation that commits are applied to is what a fresh snapshot shows, but for what it says is stale', () => {
  fc.assert(
    fc.property(stories, (story) => {
      const { history, at, after } = play(story, (past, asOf) => conversationAnswer(past, asOf));
      const model = after.reduce<ReturnType<typeof applyToConversation>>(
        (current, commit) => current && applyToConversation(current, commit, VIEWER),
        conversationModel(at),
      );
      const { conversation, me } = conversationAnswer(history);
      expect(model?.stale).not.toContain('conversation');
      const stale = new Set<string>(model?.stale);
      const known = <T extends object>(view: T | null | undefined) =>
        Object.fromEntries(Object.entries(view ?? {}).filter(([key]) => !stale.has(key)));
      expect(known(model?.answer.conversation)).toEqual(known(conversation));
      expect(known(model?.answer.me)).toEqual(known(me));
      expect(model?.answer.me?.unread ?? 0).toBeLessThanOrEqual(me?.unread ?? 0);
      expect(model?.answer.me?.mentions ?? 0).toBeLessThanOrEqual(me?.mentions ?? 0);
    }),
    { numRuns: 500 },
  );
});

test('a page of messages that commits are applied to holds what a fresh one shows from its first item on', () => {
  fc.assert(
    fc.property(stories, (story) => {
      const { history, at, after } = play(story, (past, asOf) => messagesPage(past, story.pageSize, asOf));
      const model = after.reduce(
        (current, commit) => applyToMessages(current, commit, VIEWER),
        messagesModel(ROOM, at),
      );
      const whole = messagesPage(history, Number.MAX_SAFE_INTEGER);
      const { page } = model;
      const from = page.hasBefore ? (page.items[0]?.ordinal ?? Number.POSITIVE_INFINITY) : 0;
      const expected = whole.items.filter((message) => message.ordinal >= from);
      const sorted = (items: typeof expected) =>
        items.map(({ thread, ...message }) => ({
          ...message,
          thread: model.stale ? null : thread,
          reactions: [...message.reactions].sort((a, b) => (a.emoji < b.emoji ? -1 : 1)),
        }));
      expect(sorted(page.items)).toEqual(sorted(expected));
      expect(page.version).toBe(whole.version);
    }),
    { numRuns: 500 },
  );
});

test('a page of members that commits are applied to holds what a fresh one shows up to its last item', () => {
  fc.assert(
    fc.property(stories, (story) => {
      const { history, at, after } = play(story, (past, asOf) => membersPage(past, story.pageSize, asOf));
      const model = after.reduce(
        (current, commit) => applyToMembers(current, commit, VIEWER),
        membersModel(ROOM, at, VIEWER),
      );
      const { through } = model;
      const expected = membersPage(history, Number.MAX_SAFE_INTEGER).items.filter(
        (member) => through === null || member.userId <= through,
      );
      const shown = (items: typeof expected) =>
        items.map((member) =>
          model.stale.includes('receipts')
            ? { ...member, readOrdinal: null, deliveredOrdinal: null }
            : member,
        );
      expect(model.stale).not.toContain('members');
      expect(shown(model.page.items)).toEqual(shown(expected));
    }),
    { numRuns: 500 },
  );
});
