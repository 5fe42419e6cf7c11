import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AppendOutcome, CommitRecord, EventLog } from './event-log.ts';
import { readRange } from './read-range.ts';

/**
 * What every EventLog must do, whatever stores it. Each test takes subjects of its own, so one log serves all.
 * `logs` are two writers on the same log, as two processes would be.
 */
export function eventLogConformance(name: string, open: () => Promise<{ logs: [EventLog, EventLog] }>): void {
  describe(`event log on ${name}`, () => {
    let log: EventLog;
    let other: EventLog;
    let subjects = 0;
    let commits = 0;
    const newSubject = (): string => `evt.00.conv.${name.replaceAll(/\W/g, '-')}-${++subjects}`;
    const newCommitId = (): string => `${name}-${++commits}`;
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const put = (on: EventLog, subject: string, expected: number | 'any', commitId = newCommitId()) =>
      on.append({ subject, commitId, payload: bytes(commitId), expectedLastSequence: expected });
    const appended = (outcome: AppendOutcome): number => {
      if (outcome.kind !== 'appended') throw new Error('expected the append to succeed');
      return outcome.sequence;
    };
    const all = async (subject: string, after = 0): Promise<CommitRecord[]> => {
      return collect(log.read(subject, after));
    };
    const collect = async (pages: AsyncIterable<CommitRecord[]>): Promise<CommitRecord[]> => {
      const records: CommitRecord[] = [];
      for await (const page of pages) records.push(...page);
      return records;
    };

    beforeAll(async () => {
      [log, other] = (await open()).logs;
    });

    test('an empty log begins one after its end', async () => {
      const { first, last } = await log.bounds();
      if (last === 0) expect(first).toBe(1);
      else expect(first).toBeLessThanOrEqual(last);
    });

    test('stores a commit on an empty subject and gives it back byte for byte', async () => {
      const subject = newSubject();
      const sequence = appended(await put(log, subject, 0, 'first-commit'));
      expect(await log.at(sequence)).toMatchObject({ sequence, subject, commitId: 'first-commit' });
      const [record] = await all(subject);
      expect(new TextDecoder().decode(record?.payload)).toBe('first-commit');
      expect(Math.abs((record?.storedAt ?? 0) - Date.now())).toBeLessThan(3_600_000);
    });

    test('refuses a stale expectation and stores nothing', async () => {
      const subject = newSubject();
      const first = appended(await put(log, subject, 0));
      appended(await put(other, subject, first));
      expect(await put(log, subject, first)).toEqual({ kind: 'conflict' });
      expect(await put(log, subject, 0)).toEqual({ kind: 'conflict' });
      expect(await all(subject)).toHaveLength(2);
    });

    test('refuses an expectation the log never reached', async () => {
      const subject = newSubject();
      const first = appended(await put(log, subject, 0));
      expect(await put(log, subject, first + 1_000_000)).toEqual({ kind: 'conflict' });
    });

    test('answers a repeated append with the sequence of the first, also after later commits', async () => {
      const subject = newSubject();
      const commitId = newCommitId();
      const first = appended(await put(log, subject, 0, commitId));
      expect(appended(await put(log, subject, 0, commitId))).toBe(first);
      appended(await put(other, subject, first));
      expect(appended(await put(other, subject, 0, commitId))).toBe(first);
      expect(await all(subject)).toHaveLength(2);
    });

    test('accepts exactly one of forty writers that expect the same', async () => {
      const subject = newSubject();
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, i) => put(i % 2 ? log : other, subject, 0)),
      );
      expect(outcomes.filter((outcome) => outcome.kind === 'appended')).toHaveLength(1);
      expect(await all(subject)).toHaveLength(1);
    });

    test('accepts writers of different subjects side by side', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, i) => put(i % 2 ? log : other, newSubject(), 0)),
      );
      expect(outcomes.every((outcome) => outcome.kind === 'appended')).toBe(true);
      expect(new Set(outcomes.map(appended)).size).toBe(40);
    });

    test('stores a commit once when the same append is sent forty times at once', async () => {
      const [ordered, unordered] = [newSubject(), newSubject()];
      const commitId = newCommitId();
      const twins = await Promise.all(
        Array.from({ length: 40 }, (_, i) => put(i % 2 ? log : other, ordered, 0, commitId)),
      );
      expect(new Set(twins.map(appended)).size).toBe(1);
      const cursorId = newCommitId();
      const cursors = await Promise.all(
        Array.from({ length: 40 }, (_, i) => put(i % 2 ? log : other, unordered, 'any', cursorId)),
      );
      expect(new Set(cursors.map(appended)).size).toBe(1);
      expect([...(await all(ordered)), ...(await all(unordered))]).toHaveLength(2);
    });

    test('takes every writer of a subject without order', async () => {
      const subject = newSubject();
      await Promise.all(Array.from({ length: 40 }, (_, i) => put(i % 2 ? log : other, subject, 'any')));
      expect(await all(subject)).toHaveLength(40);
    });

    test('gives the last sequence of a subject, 0 when it has none', async () => {
      const subject = newSubject();
      expect(await log.lastSequence(subject)).toBe(0);
      const first = appended(await put(log, subject, 0));
      const second = appended(await put(other, subject, first));
      expect(await log.lastSequence(subject)).toBe(second);
      expect((await log.bounds()).last).toBeGreaterThanOrEqual(second);
    });

    test('reads a subject from any sequence, across pages, without its neighbours', async () => {
      const subject = newSubject();
      const neighbour = newSubject();
      const sequences: number[] = [];
      for (let i = 0; i < 700; i++) {
        sequences.push(appended(await put(log, subject, sequences.at(-1) ?? 0)));
        if (i % 50 === 0) await put(log, neighbour, 'any');
      }
      expect((await all(subject)).map((record) => record.sequence)).toEqual(sequences);
      expect((await all(subject, sequences[349])).map((record) => record.sequence)).toEqual(
        sequences.slice(350),
      );
      expect(await all(subject, sequences.at(-1))).toEqual([]);
      expect(await log.at(2 ** 40)).toBeNull();
    });

    test('reads and delivers a subject of more bytes than one answer holds', async () => {
      const subject = newSubject();
      const payload = new Uint8Array(250_000).fill(65);
      const sequences: number[] = [];
      const { last: start } = await log.bounds();
      for (let i = 0; i < 300; i++) {
        const expectedLastSequence = sequences.at(-1) ?? 0;
        sequences.push(
          appended(await log.append({ subject, commitId: newCommitId(), payload, expectedLastSequence })),
        );
      }
      expect((await all(subject)).map((record) => record.sequence)).toEqual(sequences);
      let delivered = 0;
      for await (const batch of other.subscribe({ afterSequence: start })) {
        delivered += batch.filter((record) => record.subject === subject).length;
        if (delivered === sequences.length) break;
      }
    });

    test('a bounded range is given once and in order, and ends; its end may still be written', async () => {
      const subject = newSubject();
      const { last: start } = await log.bounds();
      for (let i = 0; i < 20; i++) await put(log, subject, 'any');
      await fc.assert(
        fc.asyncProperty(fc.nat(start + 20), fc.nat(start + 20), async (after, until) => {
          const seen: number[] = [];
          for await (const batch of readRange(other, { after, until }, { maxBatch: 7 })) {
            seen.push(...batch.map((record) => record.sequence));
          }
          expect(seen).toEqual(Array.from({ length: Math.max(0, until - after) }, (_, i) => after + 1 + i));
        }),
        { numRuns: 8 },
      );
      const following = collect(readRange(log, { after: start + 19, until: start + 21 }));
      await put(other, subject, 'any');
      expect((await following).map((record) => record.sequence)).toEqual([start + 20, start + 21]);
    });

    test('a reader of a range who gives up gets the reason, also when nothing comes', async () => {
      const { last } = await log.bounds();
      const abort = new AbortController();
      const reading = collect(
        readRange(log, { after: last, until: Number.POSITIVE_INFINITY }, { signal: abort.signal }),
      );
      abort.abort(new Error('enough'));
      await expect(reading).rejects.toThrow('enough');
      await expect(collect(readRange(log, { after: 0, until: 1 }, { signal: abort.signal }))).rejects.toThrow(
        'enough',
      );
    });

    test('delivers every commit once, in order and without a hole, from any sequence while others write', async () => {
      const subject = newSubject();
      const start = (await log.bounds()).last;
      const total = 300;
      const writing = (async () => {
        for (let i = 0; i < total; i++) await put(i % 2 ? log : other, subject, 'any');
      })();
      await fc.assert(
        fc.asyncProperty(fc.nat(start), fc.integer({ min: 1, max: 64 }), async (after, maxBatch) => {
          const seen: number[] = [];
          const subscription = log.subscribe({ afterSequence: after, maxBatch });
          for await (const batch of subscription) {
            expect(batch.length).toBeLessThanOrEqual(maxBatch);
            seen.push(...batch.map((record) => record.sequence));
            if ((seen.at(-1) ?? 0) >= start + total) break;
          }
          expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => after + 1 + i));
          expect(subscription.head()).toBeGreaterThanOrEqual(start + total);
        }),
        { numRuns: 5 },
      );
      await writing;
    });
  });
}
