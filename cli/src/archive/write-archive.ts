import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommitRecord, EventLog } from '@parley/runtime';
import { counted as countOf, grouped } from '../log/counted.ts';
import type { Progress } from '../progress.ts';
import { ArchiveFault } from './archive-fault.ts';
import { checkManifest } from './archive-source.ts';
import { CommitCursor } from './commit-cursor.ts';
import { lockFolder } from './lock-folder.ts';
import {
  epochFolder,
  type Manifest,
  makeFolder,
  readManifest,
  type SegmentEntry,
  segmentFile,
  unlistedSegments,
  writeManifest,
} from './manifest.ts';
import { newestStored, readLog } from './read-log.ts';
import { readSegment } from './read-segment.ts';
import { type SegmentLimits, writeSegment } from './write-segment.ts';

interface WriteOptions {
  log: EventLog;
  dir: string;
  limits: SegmentLimits;
  /** Begin a new archive although the log has lost its beginning. */
  withoutBeginning?: boolean;
  progress: Progress;
  signal: AbortSignal;
}

/** `first` and `last` are of the whole archive, null while it is empty; the counts are of this run. */
export interface WriteOutcome {
  epoch: string;
  folder: string;
  first: number | null;
  last: number | null;
  /** The sha-256 of the newest segment, which every one before it follows from: kept elsewhere, it shows later that none is gone. */
  head: string | null;
  segments: number;
  commits: number;
  /** Compressed. */
  bytes: number;
}

/**
 * Writes what the log holds beyond the archive's end, up to the newest commit when it begins. Throws `ArchiveFault`,
 * and writes nothing, when archive and log do not fit together.
 */
export async function writeArchive(options: WriteOptions): Promise<WriteOutcome> {
  const { log, dir, withoutBeginning = false } = options;
  const folder = epochFolder(dir, log.epoch);
  await makeFolder(folder);
  const release = await lockFolder(folder);
  try {
    await removeTemporary(folder);
    const manifest = (await readManifest(folder)) ?? { epoch: log.epoch, segments: [] };
    checkManifest(folder, log.epoch, manifest);
    const range = await whatIsMissing(log, folder, manifest, withoutBeginning);
    const added = range ? await extend(options, folder, manifest, range) : [];
    return {
      epoch: log.epoch,
      folder,
      first: manifest.segments[0]?.first ?? null,
      last: manifest.segments.at(-1)?.last ?? null,
      head: manifest.segments.at(-1)?.sha256 ?? null,
      segments: added.length,
      commits: sum(added.map(({ commits }) => commits)),
      bytes: sum(added.map(({ bytes }) => bytes)),
    };
  } finally {
    await release();
  }
}

interface Range {
  after: number;
  until: number;
}

/** The end is a stored commit, never a deleted sequence: so the next run can ask the log whether it still is the same. */
async function whatIsMissing(
  log: EventLog,
  folder: string,
  manifest: Manifest,
  withoutBeginning: boolean,
): Promise<Range | null> {
  const { first, last } = await log.bounds();
  const end = manifest.segments.at(-1);
  if (end) await checkFits(log, { first, last }, folder, manifest.epoch, end);
  else if (first > 1 && !withoutBeginning) throw beginningIsElsewhere(first);
  const after = end?.last ?? first - 1;
  const newest = await newestStored(log, { first: after + 1, last });
  return newest && { after, until: newest.sequence };
}

/** An archive without it looks whole, and no read model can be made from it. */
function beginningIsElsewhere(first: number): ArchiveFault {
  return new ArchiveFault(
    `The log begins at ${grouped(first)}: commits 1 to ${grouped(first - 1)} are only in an earlier archive. Go on in that ` +
      'folder; where it is lost, begin here with --without-beginning.',
  );
}

async function checkFits(
  log: EventLog,
  { first, last }: { first: number; last: number },
  folder: string,
  epoch: string,
  end: SegmentEntry,
): Promise<void> {
  if (last < end.last) {
    throw new ArchiveFault(
      `The archive ends at ${end.last}, the log at ${last}: the log has lost its end. Bring the lost commits back, ` +
        'or archive into another folder.',
    );
  }
  if (first > end.last + 1) {
    throw new ArchiveFault(
      `The archive ends at ${end.last}, the log begins at ${first}: what was between was removed before it was ` +
        'archived. Archive into another folder with --without-beginning; this one stays good as far as it goes.',
    );
  }
  const archived = await lastCommit(folder, epoch, end);
  const stored = await log.at(end.last);
  if (stored && stored.commitId !== archived?.commitId) {
    throw new ArchiveFault(
      `Commit ${end.last} is ${archived?.commitId} in the archive and ${stored.commitId} in the log: the log went ` +
        'another way. Archive into another folder.',
    );
  }
}

/** Reads the whole segment: a damaged end is not built upon. */
async function lastCommit(
  folder: string,
  epoch: string,
  end: SegmentEntry,
): Promise<CommitRecord | undefined> {
  let last: CommitRecord | undefined;
  for await (const batch of readSegment(folder, epoch, end)) last = batch.at(-1);
  return last;
}

async function extend(
  { log, limits, progress, signal }: WriteOptions,
  folder: string,
  manifest: Manifest,
  { after, until }: Range,
): Promise<SegmentEntry[]> {
  const { epoch, segments } = manifest;
  const before = segments.length;
  const detail = (): string => countOf(segments.length - before, 'segment');
  const work = progress.start('archiving', until - after, detail, 'commits');
  const commits = counted(readLog(log, { after, until }, signal), after, (by) => work.advance(by));
  const cursor = new CommitCursor(commits);
  try {
    while (await cursor.more()) {
      const end = segments.at(-1);
      const place = { folder, epoch, first: (end?.last ?? after) + 1, previous: end?.sha256 ?? null };
      segments.push(await writeSegment(place, cursor, limits));
      await writeManifest(folder, manifest);
    }
  } finally {
    await cursor.close();
    work.stop();
  }
  await removeLeftovers(folder, manifest, { after, until });
  return segments.slice(before);
}

/** Deleted sequences count too, so that the end is reached. */
async function* counted(
  batches: AsyncIterable<readonly CommitRecord[]>,
  after: number,
  advance: (by: number) => void,
): AsyncGenerator<readonly CommitRecord[]> {
  let done = after;
  for await (const batch of batches) {
    const last = batch.at(-1)?.sequence ?? done;
    advance(last - done);
    done = last;
    yield batch;
  }
}

/** Of a killed run: nobody else writes here while this run holds the lock. */
async function removeTemporary(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter(
    (file) => file.endsWith('.tmp') && !file.startsWith('archive.lock'),
  );
  await Promise.all(left.map((file) => rm(join(folder, file), { force: true })));
}

/** A killed run may have finished a segment without a manifest that names it; only what was archived anew is removed. */
async function removeLeftovers(folder: string, manifest: Manifest, { after, until }: Range): Promise<void> {
  const unlisted = await unlistedSegments(folder, manifest);
  const covered = unlisted.filter(({ first, last }) => first > after && last <= until);
  await Promise.all(covered.map(({ first, last }) => rm(join(folder, segmentFile(first, last)))));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
