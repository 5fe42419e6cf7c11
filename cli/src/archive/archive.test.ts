import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { silentProgress } from '../progress.ts';
import { openArchive } from './archive-source.ts';
import { compareWithLog } from './compare-with-log.ts';
import { type Manifest, readManifest, type SegmentEntry } from './manifest.ts';
import { verifyArchive } from './verify-archive.ts';
import { writeArchive } from './write-archive.ts';

const root = mkdtempSync(join(tmpdir(), 'parley-archive-'));
const quiet = { progress: silentProgress, signal: new AbortController().signal };
const small = { commits: 10, bytes: 1e6 };
const EPOCH = 'epoch-a';
let folders = 0;
const newDir = (): string => join(root, String(++folders));

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function logOf(payloads: readonly Uint8Array[], epoch = EPOCH): Promise<MemoryEventLog> {
  const log = new MemoryEventLog({ epoch, now: () => 1_700_000_000_000 });
  await append(log, payloads);
  return log;
}

async function append(log: MemoryEventLog, payloads: readonly Uint8Array[]): Promise<void> {
  const { last } = await log.bounds();
  for (const [index, payload] of payloads.entries()) {
    const commitId = `${log.epoch}-${last + index + 1}`;
    await log.append({ subject: 'evt.01.conv.a', commitId, payload, expectedLastSequence: 'any' });
  }
}

const texts = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(JSON.stringify([{ type: 'MessageSent', index }])));

async function readAll(dir: string, epoch = EPOCH): Promise<CommitRecord[]> {
  const { first, last, read } = await openArchive(dir, epoch);
  return collect(read({ after: first - 1, until: last }));
}

async function collect(batches: AsyncIterable<readonly CommitRecord[]>): Promise<CommitRecord[]> {
  const all: CommitRecord[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

const shown = (records: readonly CommitRecord[]) =>
  records.map(({ payload, ...rest }) => ({ ...rest, payload: Buffer.from(payload).toString('base64') }));

async function logged(log: MemoryEventLog): Promise<CommitRecord[]> {
  const { last } = await log.bounds();
  const records = await Promise.all(Array.from({ length: last }, (_, index) => log.at(index + 1)));
  return records.flatMap((record) => record ?? []);
}

async function faultsOf(dir: string): Promise<string[]> {
  return (await verifyArchive(dir, quiet)).flatMap(({ faults }) => faults);
}

describe('an archive', () => {
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

describe('a log that does not fit the archive', () => {
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

describe('verification', () => {
  let dir: string;
  let folder: string;
  let entries: SegmentEntry[];
  const path = (index: number): string => join(folder, entries[index]?.file ?? 'none');

  beforeEach(async () => {
    dir = newDir();
    folder = join(dir, EPOCH);
    await writeArchive({ log: await logOf(texts(35)), dir, limits: small, ...quiet });
    entries = (await readManifest(folder))?.segments ?? [];
    expect(await faultsOf(dir)).toEqual([]);
  });

  async function rewriteManifest(
    change: (segments: SegmentEntry[]) => unknown,
    epoch = EPOCH,
  ): Promise<void> {
    const segments = structuredClone(entries);
    change(segments);
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ epoch, segments } satisfies Manifest));
  }

  test('finds any flipped bit of a segment', async () => {
    const whole = await readFile(path(1));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (place, bit) => {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(damaged.readUInt8(place) ^ (1 << bit), place);
        await writeFile(path(1), damaged);
        expect(await faultsOf(dir)).toEqual([expect.stringContaining(`${entries[1]?.file}: its sha-256`)]);
      }),
      { numRuns: 40 },
    );
  });

  test('finds a segment that is missing, cut off, empty, or longer than it was', async () => {
    const whole = await readFile(path(2));
    for (const [content, fault] of [
      [whole.subarray(0, -9), 'bytes'],
      [Buffer.alloc(0), 'it has 0 bytes'],
      [Buffer.concat([whole, gzipSync('more\n')]), 'bytes'],
    ] as const) {
      await writeFile(path(2), content);
      expect(await faultsOf(dir)).toEqual([expect.stringContaining(fault)]);
    }
    await rm(path(2));
    expect(await faultsOf(dir)).toEqual([`${entries[2]?.file}: it is missing`]);
  });

  test('finds two segments that changed places, on the disk or in the manifest', async () => {
    await rewriteManifest((segments) => segments.splice(0, 2, ...segments.slice(0, 2).reverse()));
    expect(await faultsOf(dir)).not.toEqual([]);
    await rewriteManifest(() => undefined);
    await rename(path(0), join(dir, 'kept'));
    await rename(path(1), path(0));
    await rename(join(dir, 'kept'), path(1));
    expect(await faultsOf(dir)).toHaveLength(2);
  });

  test.each(['file', 'first', 'last', 'commits', 'bytes', 'sha256', 'previous'] as const)(
    'finds another %s in any entry of the manifest',
    async (field) => {
      for (const index of entries.keys()) {
        await rewriteManifest((segments) => {
          const entry = segments[index];
          if (!entry) throw new Error('no such entry');
          if (field === 'file') entry.file = '000000000001-000000000002.ndjson.gz';
          else if (field === 'sha256' || field === 'previous') entry[field] = 'a'.repeat(64);
          else entry[field] += 1;
        });
        expect(await faultsOf(dir)).not.toEqual([]);
      }
    },
  );

  test('finds an entry that was taken out, a manifest of another epoch, a damaged one and none', async () => {
    for (const index of [0, 1, 2]) {
      await rewriteManifest((segments) => segments.splice(index, 1));
      expect(await faultsOf(dir)).not.toEqual([]);
    }
    await rewriteManifest(() => undefined, 'epoch-b');
    expect(await faultsOf(dir)).toEqual(['manifest.json: it is of epoch epoch-b']);
    await expect(openArchive(dir, EPOCH)).rejects.toThrow('epoch');
    await writeFile(join(folder, 'manifest.json'), '{"epoch":"epoch-a","segments":[{}]}');
    expect((await faultsOf(dir))[0]).toContain('manifest.json is damaged');
    await rm(join(folder, 'manifest.json'));
    expect((await faultsOf(dir))[0]).toContain('manifest.json: it is missing');
  });

  /** Somebody who also repairs the checksum of the last segment, so that only the lines themselves can tell. */
  async function forgeLastSegment(change: (lines: string[]) => string): Promise<void> {
    const lines = gunzipSync(await readFile(path(3)))
      .toString('utf8')
      .split('\n');
    const forged = gzipSync(change(lines));
    await writeFile(path(3), forged);
    const sha256 = createHash('sha256').update(forged).digest('hex');
    await rewriteManifest((segments) => Object.assign(segments[3] ?? {}, { sha256, bytes: forged.length }));
  }

  test.each<[string, (lines: string[]) => string, string]>([
    ['a line that is missing', (lines) => lines.toSpliced(2, 1).join('\n'), 'holds 4 commits'],
    [
      'a line that is there twice',
      (lines) => lines.toSpliced(2, 0, lines[2] ?? '').join('\n'),
      'comes after',
    ],
    ['lines out of order', ([head, a, b, ...rest]) => [head, b, a, ...rest].join('\n'), 'comes after'],
    ['a last line without an end', (lines) => lines.join('\n').slice(0, -1), 'no end'],
    ['a header of another epoch', (lines) => lines.join('\n').replace(EPOCH, 'epoch-b'), 'first line'],
    ['no header', (lines) => lines.slice(1).join('\n'), 'first line'],
    [
      'events that are no JSON',
      (lines) => lines.join('\n').replace('[{', '[{{'),
      'not as the archive writes it',
    ],
    ['a key in another place', (lines) => lines.join('\n').replace('{"sequence"', '{ "sequence"'), 'not as'],
    ['an end before its time', (lines) => `${lines.slice(0, 3).join('\n')}\n`, 'ends at commit 32'],
    ['a line that is none', (lines) => lines.toSpliced(2, 1, 'x').join('\n'), 'not a commit'],
  ])('finds %s behind a right checksum', async (_, change, fault) => {
    await forgeLastSegment(change);
    expect(await faultsOf(dir)).toEqual([expect.stringContaining(fault)]);
  });

  test('finds what is no gzip behind a right checksum', async () => {
    const cut = (await readFile(path(3))).subarray(0, -20);
    await writeFile(path(3), cut);
    const sha256 = createHash('sha256').update(cut).digest('hex');
    await rewriteManifest((segments) => Object.assign(segments[3] ?? {}, { sha256, bytes: cut.length }));
    expect(await faultsOf(dir)).toEqual([expect.stringContaining('cannot be decompressed')]);
  });

  test('finds, against the log, a payload that was forged with its checksum', async () => {
    const log = await logOf(texts(35));
    await forgeLastSegment((lines) => lines.join('\n').replace('"index":31', '"index":99'));
    expect(await faultsOf(dir)).toEqual([]);
    expect((await compareWithLog(log, dir, quiet)).faults).toContain('commit 32: payload not as in the log');
  });

  test('does not hand over a commit of a damaged segment, nor build upon one', async () => {
    const damaged = await readFile(path(3));
    damaged.writeUInt8(damaged.readUInt8(60) ^ 1, 60);
    await writeFile(path(3), damaged);
    const { read } = await openArchive(dir, EPOCH);
    const given: number[] = [];
    const reading = (async () => {
      for await (const batch of read({ after: 0, until: 35 }))
        given.push(...batch.map(({ sequence }) => sequence));
    })();
    await expect(reading).rejects.toThrow('its sha-256');
    expect(given).toHaveLength(30);
    const log = await logOf(texts(40));
    await expect(writeArchive({ log, dir, limits: small, ...quiet })).rejects.toThrow('its sha-256');
  });

  test('refuses a folder without an archive', async () => {
    await expect(verifyArchive(root, quiet)).rejects.toThrow('holds no archive');
  });

  test('names a segment that the manifest does not', async () => {
    await copyFile(path(1), join(folder, '000000000005-000000000009.ndjson.gz'));
    expect(await faultsOf(dir)).toEqual([
      '000000000005-000000000009.ndjson.gz: the manifest does not name it',
    ]);
  });
});
