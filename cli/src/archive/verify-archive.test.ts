import { createHash } from 'node:crypto';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { openArchive } from './archive-source.ts';
import { compareWithLog } from './compare-with-log.ts';
import { type Manifest, readManifest, type SegmentEntry } from './manifest.ts';
import { EPOCH, faultsOf, logOf, newDir, quiet, small, texts } from './testing/small-archives.ts';
import { holdsSegment, verifyArchive } from './verify-archive.ts';
import { writeArchive } from './write-archive.ts';

// Every segment is written through to the disk, which others may be using.
describe('verification', { timeout: 60_000 }, () => {
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
    await expect(verifyArchive(dirname(dir), quiet)).rejects.toThrow('holds no archive');
  });

  test('names a segment that the manifest does not', async () => {
    await copyFile(path(1), join(folder, '000000000005-000000000009.ndjson.gz'));
    expect(await faultsOf(dir)).toEqual([
      '000000000005-000000000009.ndjson.gz: the manifest does not name it',
    ]);
  });

  test('an end that was cut off with its entries is whole in itself: only a head that was known tells', async () => {
    const [, second, , head] = entries;
    expect((await verifyArchive(dir, quiet))[0]).toMatchObject({ head: head?.sha256 });
    await rm(path(3));
    await rewriteManifest((segments) => segments.pop());
    expect(await faultsOf(dir)).toEqual([]);
    expect(await holdsSegment(dir, head?.sha256 ?? '')).toBe(false);
    expect(await holdsSegment(dir, second?.sha256 ?? '')).toBe(true);
  });

  test('against a log that goes on it is told what is not archived, and what is in neither', async () => {
    const log = await logOf(texts(40));
    expect(await compareWithLog(log, dir, quiet)).toMatchObject({ notArchived: 5, differing: 0 });
    const purged = {
      epoch: EPOCH,
      at: () => Promise.resolve(null),
      bounds: async () => ({ first: 38, last: 40 }),
    };
    const verdict = await compareWithLog(
      { ...purged, subscribe: () => log.subscribe({ afterSequence: 40 }) },
      dir,
      quiet,
    );
    expect(verdict.faults).toEqual([
      'the archive ends at 35, the log begins at 38: what was between is in neither',
    ]);
  });
});
