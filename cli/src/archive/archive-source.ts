import type { CommitRecord } from '@parley/runtime';
import { ArchiveFault } from './archive-fault.ts';
import { chainFaults, epochFolder, type Manifest, readManifest } from './manifest.ts';
import { readSegment } from './read-segment.ts';

/** An archive of one log, to read from. `first` and `last` are sequences, both included. */
export interface Archive {
  first: number;
  last: number;
  /**
   * Commits in `(after, until]`, in order, in batches of some hundred. Throws `ArchiveFault` for a range that the
   * archive does not cover and for a segment that is not as it was written, before any commit of that segment.
   */
  read(range: { after: number; until: number }): AsyncIterable<readonly CommitRecord[]>;
}

/** What `dir` holds of the log with this epoch. Throws `ArchiveFault` when that is nothing or contradicts itself. */
export async function openArchive(dir: string, epoch: string): Promise<Archive> {
  const folder = epochFolder(dir, epoch);
  const manifest = await readManifest(folder);
  const first = manifest?.segments[0]?.first;
  const last = manifest?.segments.at(-1)?.last;
  if (!manifest || first === undefined || last === undefined) {
    throw new ArchiveFault(`${dir} holds no archive of this log (epoch ${epoch}).`);
  }
  checkManifest(folder, epoch, manifest);
  return { first, last, read: (range) => readSegments(folder, manifest, { first, last }, range) };
}

/** Throws the first thing that a manifest contradicts itself, or its folder, in. */
export function checkManifest(folder: string, epoch: string, manifest: Manifest): void {
  if (manifest.epoch !== epoch)
    throw new ArchiveFault(`${folder} holds epoch ${manifest.epoch}, not ${epoch}`);
  const [broken] = chainFaults(manifest);
  if (broken) throw new ArchiveFault(`${folder}: ${broken}`);
}

async function* readSegments(
  folder: string,
  { epoch, segments }: Manifest,
  { first, last }: { first: number; last: number },
  { after, until }: { after: number; until: number },
): AsyncGenerator<readonly CommitRecord[]> {
  if (until <= after) return;
  if (after + 1 < first || until > last) {
    throw new ArchiveFault(`the archive holds ${first} to ${last}, not ${after + 1} to ${until}`);
  }
  for (const entry of segments) {
    if (entry.last <= after || entry.first > until) continue;
    const whole = entry.first > after && entry.last <= until;
    for await (const batch of readSegment(folder, epoch, entry)) {
      const part = whole ? batch : batch.filter(({ sequence }) => sequence > after && sequence <= until);
      if (part.length > 0) yield part;
    }
  }
}
