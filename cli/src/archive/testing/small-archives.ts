import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommitRecord, MemoryEventLog } from '@parley/runtime';
import { afterAll } from 'vitest';
import { type Progress, silentProgress } from '../../progress.ts';
import { openArchive } from '../archive-source.ts';
import { verifyArchive } from '../verify-archive.ts';

export const EPOCH = 'epoch-a';
export const quiet: { progress: Progress; signal: AbortSignal } = {
  progress: silentProgress,
  signal: new AbortController().signal,
};
export const small = { commits: 10, bytes: 1e6 };
const root = mkdtempSync(join(tmpdir(), 'parley-archive-'));
let folders = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder that is not there yet; gone when the tests of the file are. */
export const newDir = (): string => join(root, String(++folders));

export async function logOf(payloads: readonly Uint8Array[], epoch = EPOCH): Promise<MemoryEventLog> {
  const log = new MemoryEventLog({ epoch, now: () => 1_700_000_000_000 });
  await append(log, payloads);
  return log;
}

export async function append(log: MemoryEventLog, payloads: readonly Uint8Array[]): Promise<void> {
  const { last } = await log.bounds();
  for (const [index, payload] of payloads.entries()) {
    const commitId = `${log.epoch}-${last + index + 1}`;
    await log.append({ subject: 'evt.01.conv.a', commitId, payload, expectedLastSequence: 'any' });
  }
}

export const texts = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(JSON.stringify([{ type: 'MessageSent', index }])));

export async function readAll(dir: string, epoch = EPOCH): Promise<CommitRecord[]> {
  const { first, last, read } = await openArchive(dir, epoch);
  return collect(read({ after: first - 1, until: last }));
}

export async function collect(batches: AsyncIterable<readonly CommitRecord[]>): Promise<CommitRecord[]> {
  const all: CommitRecord[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

export async function faultsOf(dir: string): Promise<string[]> {
  return (await verifyArchive(dir, quiet)).flatMap(({ faults }) => faults);
}
