import { DEFAULT_SETTINGS } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conversation, type Draft, drafts, TestWriter } from '../testing/commits.ts';
import { AccessFold, firstVersion, NOTHING_KNOWN, relationOf } from './access.ts';
import { type Commit, readCommit } from './commit.ts';

const ROOM = conversation(1);
const NOW = Date.parse('2026-01-01T00:00:00Z');

/** What a log of these commits says of Zoe. */
async function commitsOf(...commits: Draft[][]): Promise<Commit[]> {
  const log = new MemoryEventLog();
  const writer = new TestWriter(log);
  const read: Commit[] = [];
  for (const events of commits) {
    const record = await log.at(await writer.commit(ROOM, ...events));
    if (record) read.push(readCommit(record));
  }
  return read;
}

async function snapshotOf(...commits: Draft[][]) {
  const fold = new AccessFold(ROOM, 'zoe', NOTHING_KNOWN);
  for (const commit of await commitsOf(...commits)) fold.apply(commit);
  return fold.snapshot;
}

const channel: Draft = {
  type: 'conversation.created',
  data: { type: 'channel', members: [{ userId: 'olga', role: 'owner' }], settings: DEFAULT_SETTINGS },
};
const bannedUntil = (until: string): Draft => ({ type: 'member.banned', data: { userId: 'zoe', until } });
const history = (historyVisibility: 'joined' | 'shared'): Draft => ({
  type: 'conversation.updated',
  data: { settings: { historyVisibility } },
});

test.each([
  ['stranger', []],
  ['visitor', [[channel]]],
  ['stranger', [[channel], [history('joined')]]],
  ['visitor', [[channel], [history('joined')], [history('shared')]]],
  ['member', [[channel], [history('joined')], [drafts.added('zoe')]]],
  ['visitor', [[channel], [drafts.added('zoe')], [drafts.left('zoe')]]],
  ['banned', [[channel], [drafts.banned('zoe')]]],
  ['banned', [[channel], [bannedUntil('2026-01-01T00:00:01Z')]]],
  ['visitor', [[channel], [bannedUntil('2026-01-01T00:00:00Z')]]],
  ['visitor', [[channel], [drafts.banned('zoe')], [{ type: 'member.unbanned', data: { userId: 'zoe' } }]]],
  ['visitor', [[channel], [drafts.banned('yan')]]],
  ['stranger', [[channel], [drafts.added('zoe')], [drafts.deleted()]]],
] satisfies [string, Draft[][]][])('a user is a %s after %j', async (relation, commits) => {
  expect(relationOf(await snapshotOf(...commits), [], NOW)).toBe(relation);
});

test('where history is for members, it begins with the version that made the user one', async () => {
  const joined = [[channel], [drafts.sent(1)], [drafts.sent(2), drafts.added('zoe')]];
  const shared = await snapshotOf(...joined);
  expect(firstVersion(shared.access, shared.rules)).toBe(0);
  const own = await snapshotOf(...joined, [history('joined')]);
  expect(firstVersion(own.access, own.rules)).toBe(4);
});

const anyDraft = fc.oneof(
  fc
    .constantFrom('zoe', 'yan')
    .chain((userId) =>
      fc.constantFrom<Draft>(
        drafts.added(userId),
        drafts.left(userId),
        drafts.removed(userId),
        drafts.banned(userId),
        { type: 'member.unbanned', data: { userId } },
        { type: 'member.role-changed', data: { userId, from: 'member', to: 'admin' } },
      ),
    ),
  fc.constantFrom<Draft>(drafts.sent(1), history('joined'), history('shared'), drafts.receipts(false)),
);

test('from whatever version the read model is at, the end of the log is the same', async () => {
  const plans = fc.array(fc.array(anyDraft, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(12), fc.nat(12), async (plan, at, before) => {
      const commits = await commitsOf([channel], ...plan);
      const whole = new AccessFold(ROOM, 'zoe', NOTHING_KNOWN);
      for (const commit of commits.slice(0, at)) whole.apply(commit);
      const onwards = new AccessFold(ROOM, 'zoe', whole.snapshot);
      for (const commit of commits.slice(at)) whole.apply(commit);
      // Some that the row reflects come again.
      for (const commit of commits.slice(Math.max(0, at - before))) onwards.apply(commit);
      expect(onwards.snapshot).toEqual(whole.snapshot);
    }),
  );
});

test('nobody is let in on commits of which one was left out', async () => {
  const [created, banned, said] = await commitsOf([channel], [drafts.banned('zoe')], [drafts.sent(1)]);
  if (!created || !banned || !said) throw new Error('three commits');
  const fold = new AccessFold(ROOM, 'zoe', NOTHING_KNOWN);
  fold.apply(created);
  expect(() => fold.apply(said)).toThrow('version 3 after 1');
});
