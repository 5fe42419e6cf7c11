import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { CommitRecord } from '@parley/runtime';
import { ArchiveFault } from './archive-fault.ts';
import { decodeCommitLine, encodeCommitLine } from './commit-line.ts';
import { isMissing, type SegmentEntry } from './manifest.ts';

const READ_BYTES = 256 * 1024;
/** Far above the largest message that a NATS server takes (64 MB), in base64 too. */
const LINE_BYTES = 128 * 1024 * 1024;

/**
 * The commits of one segment, in batches of some hundred. Nothing is handed over of a file whose sha-256 is not the
 * manifest's; its header, order, range and count are checked on the way. `strict` also proves that every line is as it
 * would be written today, which costs parsing the payloads.
 */
export async function* readSegment(
  folder: string,
  epoch: string,
  entry: SegmentEntry,
  { strict = false }: { strict?: boolean } = {},
): AsyncGenerator<readonly CommitRecord[]> {
  try {
    await checkHash(join(folder, entry.file), entry);
    yield* commitsOf(join(folder, entry.file), epoch, entry, strict);
  } catch (error) {
    throw faultOf(entry.file, error);
  }
}

async function checkHash(path: string, entry: SegmentEntry): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== entry.bytes) throw new ArchiveFault(`it has ${bytes} bytes, ${entry.bytes} were written`);
  if (hash.digest('hex') !== entry.sha256)
    throw new ArchiveFault('its sha-256 is not the one in the manifest');
}

async function* commitsOf(
  path: string,
  epoch: string,
  entry: SegmentEntry,
  strict: boolean,
): AsyncGenerator<readonly CommitRecord[]> {
  let commits = 0;
  let last = entry.first - 1;
  let headerRead = false;
  for await (const lines of linesOf(path)) {
    if (!headerRead) checkHeader(lines.shift(), epoch, entry);
    headerRead = true;
    const batch = lines.map(decodeCommitLine);
    for (const [index, record] of batch.entries()) {
      if (record.sequence <= last) throw new ArchiveFault(`commit ${record.sequence} comes after ${last}`);
      if (strict) checkLine(record, lines[index]);
      last = record.sequence;
    }
    commits += batch.length;
    if (last > entry.last) throw new ArchiveFault(`commit ${last} is beyond its range`);
    if (batch.length > 0) yield batch;
  }
  if (last !== entry.last) throw new ArchiveFault(`it ends at commit ${last}, not at ${entry.last}`);
  if (commits !== entry.commits) {
    throw new ArchiveFault(`it holds ${commits} commits, the manifest says ${entry.commits}`);
  }
}

function checkHeader(line: Buffer | undefined, epoch: string, { first, last, previous }: SegmentEntry): void {
  const wanted = JSON.stringify({ archive: 1, epoch, first, last, previous });
  if (line?.toString('utf8') !== wanted) {
    throw new ArchiveFault('its first line does not say the epoch, range and predecessor of the manifest');
  }
}

function checkLine(record: CommitRecord, line: Buffer | undefined): void {
  const again = encodeCommitLine(record);
  if (!line?.equals(again.subarray(0, -1))) {
    throw new ArchiveFault(`the line of commit ${record.sequence} is not as the archive writes it`);
  }
}

/** Lines without their ends, as many at a time as one read gave. */
async function* linesOf(path: string): AsyncGenerator<Buffer[]> {
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  // A fault of the file ends the loop below with the same error; leaving the loop early ends the reading.
  pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), gunzip).catch(() => undefined);
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const piece = chunk.subarray(start, end);
      lines.push(rest.length > 0 ? Buffer.concat([...rest, piece]) : piece);
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > LINE_BYTES) throw new ArchiveFault('it has a line without an end');
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) throw new ArchiveFault('its last line has no end');
}

function faultOf(file: string, error: unknown): unknown {
  if (error instanceof ArchiveFault) return new ArchiveFault(`${file}: ${error.message}`, { cause: error });
  if (isMissing(error)) return new ArchiveFault(`${file}: it is missing`);
  const damaged = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
  return damaged ? new ArchiveFault(`${file}: it cannot be decompressed: ${error.message}`) : error;
}
