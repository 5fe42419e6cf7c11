import { isUtf8 } from 'node:buffer';
import type { CommitRecord } from '@parley/runtime';
import { ArchiveFault } from './archive-fault.ts';

const EVENTS = ',"events":';
const BASE64 = ',"base64":';

/**
 * One commit as a line, its end included. The payload's own bytes stand in it, so that it is read back byte for byte;
 * a payload that would not be JSON on one line is kept as base64.
 */
export function encodeCommitLine({ sequence, subject, commitId, storedAt, payload }: CommitRecord): Buffer {
  const place = `{"sequence":${sequence},"subject":${JSON.stringify(subject)},"commitId":${JSON.stringify(commitId)},"storedAt":${storedAt}`;
  if (isOneJsonLine(payload)) {
    return Buffer.concat([Buffer.from(place + EVENTS), payload, Buffer.from('}\n')]);
  }
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64');
  return Buffer.from(`${place}${BASE64}"${text}"}\n`);
}

/** A line without its end. The payload is a view of it, not a copy, and is not looked into. */
export function decodeCommitLine(line: Buffer): CommitRecord {
  // A quote inside a string is escaped, so that the first of these is where the place ends, whatever a subject holds.
  const events = line.indexOf(EVENTS);
  const base64 = events < 0 ? line.indexOf(BASE64) : -1;
  const end = Math.max(events, base64);
  if (end < 0 || line.at(-1) !== 0x7d) throw new ArchiveFault('a line is not a commit');
  const place = placeOf(`${line.toString('utf8', 0, end)}}`);
  const rest = line.subarray(end + EVENTS.length, -1);
  return { ...place, payload: base64 < 0 ? rest : Buffer.from(rest.toString('latin1', 1), 'base64') };
}

function placeOf(text: string): Omit<CommitRecord, 'payload'> {
  let place: Partial<CommitRecord>;
  try {
    place = JSON.parse(text);
  } catch {
    throw new ArchiveFault('a line is not a commit');
  }
  const { sequence, subject, commitId, storedAt } = place;
  if (typeof sequence !== 'number' || typeof subject !== 'string') {
    throw new ArchiveFault('a line lacks its sequence or subject');
  }
  if (typeof commitId !== 'string' || typeof storedAt !== 'number') {
    throw new ArchiveFault(`the line of commit ${sequence} lacks its commit id or time`);
  }
  return { sequence, subject, commitId, storedAt };
}

function isOneJsonLine(payload: Uint8Array): boolean {
  // A carriage return ends a line for some readers, and neither may stand unescaped in a string of JSON anyway.
  if (payload.includes(0x0a) || payload.includes(0x0d) || !isUtf8(payload)) return false;
  try {
    JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
