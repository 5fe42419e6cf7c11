import { MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ring } from './ring.ts';
import { type Commit, readCommit } from './session/commit.ts';
import { conversation, drafts, TestWriter } from './testing/commits.ts';

test('gives everything after a sequence that it covers, and covers as much as its limits allow', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 200 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 20 }), fc.nat(600), (steps, maxCommits, after) => {
      const ring = new Ring(0, { maxBytes: Number.POSITIVE_INFINITY, maxCommits });
      const sequences: number[] = [];
      for (const step of steps) {
        const sequence = (sequences.at(-1) ?? 0) + step;
        sequences.push(sequence);
        ring.push({ kind: 'hidden', sequence });
      }
      expect(ring.tail).toBe(sequences.at(-1) ?? 0);
      expect([...ring.after(ring.coveredAfter)]).toHaveLength(Math.min(maxCommits, sequences.length));
      if (!ring.covers(after)) return;
      const expected = sequences.filter((sequence) => sequence > after);
      expect([...ring.after(after)].map(({ sequence }) => sequence)).toEqual(expected);
    }),
  );
});

test('stays within its bytes however long it runs', () => {
  const ring = new Ring(0, { maxBytes: 10_000, maxCommits: 1_000_000 });
  for (let sequence = 1; sequence <= 50_000; sequence++) ring.push({ kind: 'hidden', sequence });
  expect(ring.bytes).toBeLessThanOrEqual(10_000);
  expect(ring.coveredAfter).toBeGreaterThan(49_900);
  expect([...ring.after(ring.coveredAfter)].at(-1)?.sequence).toBe(50_000);
});

test('knows which texts are gone as long as it holds what took them away', async () => {
  const log = new MemoryEventLog();
  const writer = new TestWriter(log);
  const room = conversation(1);
  const commits: Commit[] = [];
  for (let n = 1; n <= 40; n++) {
    const record = await log.at(
      await writer.commit(room, n % 3 === 0 ? drafts.expired(n) : drafts.messageDeleted(n)),
    );
    if (record) commits.push(readCommit(record));
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (count, maxCommits) => {
      const ring = new Ring(0, { maxBytes: Number.POSITIVE_INFINITY, maxCommits });
      for (const commit of commits.slice(0, count)) ring.push(commit);
      const held = [...ring.after(ring.coveredAfter)].map(({ sequence }) => sequence);
      expect(held).toHaveLength(Math.min(count, maxCommits));
      const deleted = held.filter((n) => n % 3 !== 0);
      const known = Array.from({ length: 40 }, (_, index) => index + 1);
      expect(known.filter((n) => ring.gone.isDeleted(room, n))).toEqual(deleted);
      expect(ring.gone.expiredThrough(room)).toBe(Math.max(0, ...held.filter((n) => n % 3 === 0)));
      for (let n = 1; n <= maxCommits; n++) ring.push({ kind: 'hidden', sequence: count + n });
      expect(ring.gone.size).toBe(0);
    }),
  );
});

test('finds what concerns a user as if it had looked through all of it', async () => {
  const log = new MemoryEventLog();
  const writer = new TestWriter(log);
  const rooms = [conversation(1), conversation(2), conversation(3)];
  const commits: Commit[] = [];
  for (let n = 1; n <= 40; n++) {
    const room = rooms[n % 3] ?? '';
    const record = await log.at(
      await writer.commit(room, n % 5 === 0 ? drafts.expired(n) : drafts.messageDeleted(n)),
    );
    if (record) commits.push(readCommit(record));
  }
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.subarray(rooms),
      fc.nat(40),
      (count, maxCommits, mine, after) => {
        const ring = new Ring(0, { maxBytes: Number.POSITIVE_INFINITY, maxCommits });
        for (const commit of commits.slice(0, count)) ring.push(commit);
        if (!ring.covers(after)) return;
        const all = ring.after(after);
        const own = all.filter(
          (commit) => commit.kind === 'conversation' && mine.includes(commit.conversationId),
        );
        expect(ring.concerning(mine, null, after)).toEqual(own);
        const changes = all.filter((commit) => commit.kind === 'conversation' && !commit.plain);
        expect(ring.changesAfter(after)).toEqual(changes);
      },
    ),
  );
});
