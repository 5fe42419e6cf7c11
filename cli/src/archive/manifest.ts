import { mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ArchiveFault } from './archive-fault.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/** One file of commits. `previous` is the sha-256 of the file before it: a chain, so that none can be exchanged. */
const segmentEntry = z.strictObject({
  file: z.string(),
  first: count,
  last: count,
  commits: count,
  /** Of the file, compressed. */
  bytes: count,
  sha256,
  previous: sha256.nullable(),
});
const manifest = z.strictObject({ epoch: z.string(), segments: z.array(segmentEntry) });

export type SegmentEntry = z.infer<typeof segmentEntry>;
export type Manifest = z.infer<typeof manifest>;

const NAME = 'manifest.json';
const SEGMENT = /^(\d{12})-(\d{12})\.ndjson\.gz$/;

/** Folder of one incarnation of the log: commits of two never meet. */
export function epochFolder(dir: string, epoch: string): string {
  if (!/^[\w-]+$/.test(epoch)) throw new ArchiveFault(`epoch "${epoch}" cannot be the name of a folder`);
  return join(dir, epoch);
}

export function segmentFile(first: number, last: number): string {
  return `${String(first).padStart(12, '0')}-${String(last).padStart(12, '0')}.ndjson.gz`;
}

/** Only what it names is believed. Null when there is none. */
export async function readManifest(folder: string): Promise<Manifest | null> {
  let text: string;
  try {
    text = await readFile(join(folder, NAME), 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    return manifest.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : 'it is not JSON';
    throw new ArchiveFault(`${join(folder, NAME)} is damaged: ${reason}`);
  }
}

/** Replaces the manifest at once: a reader, or a run after a power cut, sees the old one or this one. */
export async function writeManifest(folder: string, content: Manifest): Promise<void> {
  const temporary = join(folder, `${NAME}.tmp`);
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { flush: true });
  await rename(temporary, join(folder, NAME));
  await syncFolder(folder);
}

/** A rename lasts through a power cut only when the folder is written too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the manifest contradicts itself in, one fault for each segment that does not follow the one before it. */
export function chainFaults({ segments }: Manifest): string[] {
  return segments.flatMap((entry, index) => {
    const fault = linkFault(entry, segments[index - 1]);
    return fault ? [`${entry.file}: ${fault}`] : [];
  });
}

function linkFault(entry: SegmentEntry, before: SegmentEntry | undefined): string | null {
  if (entry.first > entry.last) return `its range ${entry.first} to ${entry.last} is none`;
  if (entry.file !== segmentFile(entry.first, entry.last)) return 'its name does not say its range';
  if (before && entry.first !== before.last + 1) {
    return `it begins at ${entry.first}, but the segment before it ends at ${before.last}`;
  }
  if (entry.previous !== (before?.sha256 ?? null))
    return 'it does not follow the segment before it: "previous" differs';
  return null;
}

/** Segments that the manifest does not name, with their ranges. */
export async function unlistedSegments(
  folder: string,
  { segments }: Pick<Manifest, 'segments'>,
): Promise<{ file: string; first: number; last: number }[]> {
  const listed = new Set(segments.map(({ file }) => file));
  return (await readdir(folder)).flatMap((file) => {
    const [, first, last] = SEGMENT.exec(file) ?? [];
    return first && last && !listed.has(file) ? [{ file, first: Number(first), last: Number(last) }] : [];
  });
}

/** Epochs that a folder holds archives of. */
export async function archivedEpochs(dir: string): Promise<string[]> {
  const folders = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const found = await Promise.all(
    folders.map(async ({ name }) => {
      const files = await readdir(join(dir, name));
      return files.some((file) => file === NAME || SEGMENT.test(file)) ? [name] : [];
    }),
  );
  return found.flat().sort();
}

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
