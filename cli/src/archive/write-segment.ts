import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import type { CommitCursor } from './commit-cursor.ts';
import { encodeCommitLine } from './commit-line.ts';
import { type SegmentEntry, segmentFile, syncFolder } from './manifest.ts';

/** Bytes of lines given to the compressor at a time: one call a line would cost more than the line. */
const CHUNK_BYTES = 256 * 1024;

/** Ends a segment at whichever comes first; one commit is always in it. `bytes` counts lines before compression. */
export interface SegmentLimits {
  commits: number;
  bytes: number;
}

interface SegmentPlace {
  folder: string;
  epoch: string;
  first: number;
  previous: string | null;
}

interface Tally {
  commits: number;
  bytes: number;
  last: number;
}

/**
 * Takes the next commits off the cursor into a file under its final name, on disk when this returns. The range stands
 * in the first line but is known only at the end, so the commits are a compressed part of their own that is put behind
 * it; any gunzip reads both as one.
 */
export async function writeSegment(
  place: SegmentPlace,
  cursor: CommitCursor,
  limits: SegmentLimits,
): Promise<SegmentEntry> {
  const { folder, first, previous } = place;
  const body = join(folder, 'commits.tmp');
  const whole = join(folder, 'segment.tmp');
  const tally: Tally = { commits: 0, bytes: 0, last: first };
  await pipeline(chunks(cursor, limits, tally), createGzip(), createWriteStream(body));
  const header = gzipSync(headerLine(place, tally.last));
  const file = segmentFile(first, tally.last);
  const { sha256, bytes } = await putTogether(header, body, whole);
  await rename(whole, join(folder, file));
  await syncFolder(folder);
  await rm(body);
  return { file, first, last: tally.last, commits: tally.commits, bytes, sha256, previous };
}

function headerLine({ epoch, first, previous }: SegmentPlace, last: number): string {
  return `${JSON.stringify({ archive: 1, epoch, first, last, previous })}\n`;
}

async function* chunks(cursor: CommitCursor, limits: SegmentLimits, tally: Tally): AsyncGenerator<Buffer> {
  let lines: Buffer[] = [];
  let waiting = 0;
  while (tally.commits < limits.commits && tally.bytes < limits.bytes) {
    const commit = cursor.peek();
    if (!commit) {
      if (await cursor.more()) continue;
      break;
    }
    const line = encodeCommitLine(commit);
    cursor.advance();
    lines.push(line);
    waiting += line.length;
    tally.commits++;
    tally.bytes += line.length;
    tally.last = commit.sequence;
    if (waiting < CHUNK_BYTES) continue;
    yield Buffer.concat(lines);
    lines = [];
    waiting = 0;
  }
  yield Buffer.concat(lines);
}

async function putTogether(
  header: Buffer,
  body: string,
  whole: string,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    async function* () {
      yield header;
      yield* createReadStream(body);
    },
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(whole, { flush: true }),
  );
  return { sha256: hash.digest('hex'), bytes };
}
