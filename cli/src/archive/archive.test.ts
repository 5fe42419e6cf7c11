import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommitRecord, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openArchive } from './archive-source.ts';
import { compareWithLog } from './compare-with-log.ts';
import { readManifest } from './manifest.ts';
import {
  append,
  collect,
  EPOCH,
  faultsOf,
  logOf,
  newDir,
  quiet,
  readAll,
  small,
  texts,
} from './testing/small-archives.ts';
import { verifyArchive } from './verify-archive.ts';
import { writeArchive } from './write-archive.ts';

const shown = (records: readonly CommitRecord[]) =>
  records.map(({ payload, ...rest }) => ({ ...rest, payload: Buffer.from(payload).toString('base64') }));

async function logged(log: MemoryEventLog): Promise<CommitRecord[]> {
  const { last } = await log.bounds();
  const records = await Promise.all(Array.from({ length: last }, (_, index) => log.at(index + 1)));
  return records.flatMap((record) => record ?? []);
}

/** Every segment is written through to the disk, which others may be using. */
const SLOW_DISK = { timeout: 60_000 };

describe('an archive', SLOW_DISK, () => {
  test('gives every commit back byte for byte, in segments of any size', async () => {
    const payloads = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((text) => Buffer.from(text)),
        fc.string({ unit: 'binary' }).map((text) => Buffer.from(JSON.stringify([`${text}\n`]))),
        fc.constant(Buffer.alloc(0)),
      ),
      { minLength: 1, maxLength: 60 },
    );
    const limits = fc.record({
      commits: fc.integer({ min: 1, max: 40 }),
      bytes: fc.integer({ min: 1, max: 5_000 }),
    });
    await fc.assert(
      fc.asyncProperty(payloads, payloads, limits, async (before, later, sizes) => {
        const dir = newDir();
        const log = await logOf(before);
        await writeArchive({ log, dir, limits: sizes, ...quiet });
        await append(log, later);
        await writeArchive({ log, dir, limits: sizes, ...quiet });
        expect(shown(await readAll(dir))).toEqual(shown(await logged(log)));
        expect(await faultsOf(dir)).toEqual([]);
        expect(await compareWithLog(log, dir, quiet)).toMatchObject({
          compared: before.length + later.length,
          differing: 0,
        });
      }),
      { numRuns: 40 },
    );
  });

  test('keeps a payload of many megabytes, as JSON and as bytes', async () => {
    const body = 'line\n"quoted" ü '.repeat(400_000);
    const dir = newDir();
    const log = await logOf([
      Buffer.from(JSON.stringify([{ body }])),
      Buffer.alloc(6_000_000, 0xfe),
      ...texts(3),
    ]);
    await writeArchive({ log, dir, limits: { commits: 50_000, bytes: 64e6 }, ...quiet });
    expect(shown(await readAll(dir))).toEqual(shown(await logged(log)));
    expect(await faultsOf(dir)).toEqual([]);
  });

  test('ends a segment at the commits or at the bytes, whichever comes first', async () => {
    const log = await logOf(texts(25));
    const [byCount, byBytes] = [newDir(), newDir()];
    await writeArchive({ log, dir: byCount, limits: small, ...quiet });
    await writeArchive({ log, dir: byBytes, limits: { commits: 1e6, bytes: 300 }, ...quiet });
    const counts = (await readManifest(join(byCount, EPOCH)))?.segments.map(({ commits }) => commits);
    expect(counts).toEqual([10, 10, 5]);
    const sizes = (await readManifest(join(byBytes, EPOCH)))?.segments.map(({ commits }) => commits) ?? [];
    expect(Math.max(...sizes)).toBeLessThan(5);
  });

  test('goes on from its end, and does nothing at the end of the log', async () => {
    const dir = newDir();
    const log = await logOf(texts(12));
    expect(await writeArchive({ log, dir, limits: small, ...quiet })).toMatchObject({
      segments: 2,
      commits: 12,
    });
    expect(await writeArchive({ log, dir, limits: small, ...quiet })).toMatchObject({
      segments: 0,
      last: 12,
    });
    await append(log, texts(3));
    expect(await writeArchive({ log, dir, limits: small, ...quiet })).toMatchObject({ commits: 3, last: 15 });
    expect((await readdir(join(dir, EPOCH))).sort()).toEqual([
      '000000000001-000000000010.ndjson.gz',
      '000000000011-000000000012.ndjson.gz',
      '000000000013-000000000015.ndjson.gz',
      'manifest.json',
    ]);
  });

  test('of an empty log is empty, and begins when the log does', async () => {
    const dir = newDir();
    const log = await logOf([]);
    expect(await writeArchive({ log, dir, limits: small, ...quiet })).toMatchObject({
      first: null,
      last: null,
    });
    await append(log, texts(2));
    expect(await writeArchive({ log, dir, limits: small, ...quiet })).toMatchObject({ first: 1, last: 2 });
  });

  test('gives exactly the range that is asked for, and refuses one that it does not cover', async () => {
    const dir = newDir();
    await writeArchive({ log: await logOf(texts(35)), dir, limits: small, ...quiet });
    const { read, ...range } = await openArchive(dir, EPOCH);
    expect(range).toEqual({ first: 1, last: 35 });
    const sequences = async (after: number, until: number) =>
      (await collect(read({ after, until }))).map(({ sequence }) => sequence);
    expect(await sequences(8, 12)).toEqual([9, 10, 11, 12]);
    expect(await sequences(10, 20)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(await sequences(34, 35)).toEqual([35]);
    expect(await sequences(20, 20)).toEqual([]);
    await expect(sequences(30, 36)).rejects.toThrow('the archive holds 1 to 35, not 31 to 36');
  });

  test('of another epoch stands in a folder of its own', async () => {
    const dir = newDir();
    const [before, after] = [await logOf(texts(12)), await logOf(texts(4), 'epoch-b')];
    await writeArchive({ log: before, dir, limits: small, ...quiet });
    await writeArchive({ log: after, dir, limits: small, ...quiet });
    expect(await readdir(dir)).toEqual(['epoch-a', 'epoch-b']);
    expect(shown(await readAll(dir, 'epoch-a'))).toEqual(shown(await logged(before)));
    expect(shown(await readAll(dir, 'epoch-b'))).toEqual(shown(await logged(after)));
    expect((await verifyArchive(dir, quiet)).map(({ epoch, last, faults }) => [epoch, last, faults])).toEqual(
      [
        ['epoch-a', 12, []],
        ['epoch-b', 4, []],
      ],
    );
    await expect(openArchive(dir, 'epoch-c')).rejects.toThrow('no archive of this log (epoch epoch-c)');
  });
});

describe('a log that does not fit the archive', SLOW_DISK, () => {
  test('that lost its end is refused', async () => {
    const dir = newDir();
    await writeArchive({ log: await logOf(texts(12)), dir, limits: small, ...quiet });
    const shorter = await logOf(texts(11));
    await expect(writeArchive({ log: shorter, dir, limits: small, ...quiet })).rejects.toThrow(
      'lost its end',
    );
    expect(await compareWithLog(shorter, dir, quiet)).toMatchObject({ compared: 11, differing: 1 });
  });

  test('that went another way is refused, and every differing commit is told', async () => {
    const dir = newDir();
    await writeArchive({ log: await logOf(texts(12)), dir, limits: small, ...quiet });
    const other = await logOf(texts(9));
    for (const commitId of ['x', 'y', 'z', 'more']) {
      const payload = Buffer.from('[]');
      await other.append({ subject: 'evt.01.conv.b', commitId, payload, expectedLastSequence: 'any' });
    }
    await expect(writeArchive({ log: other, dir, limits: small, ...quiet })).rejects.toThrow('another way');
    const verdict = await compareWithLog(other, dir, quiet);
    expect(verdict).toMatchObject({ compared: 12, differing: 3 });
    expect(verdict.faults[0]).toBe('commit 10: commit id, subject, payload not as in the log');
  });
});
