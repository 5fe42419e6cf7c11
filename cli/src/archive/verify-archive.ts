import { counted } from '../log/counted.ts';
import type { Progress } from '../progress.ts';
import { ArchiveFault } from './archive-fault.ts';
import {
  archivedEpochs,
  chainFaults,
  epochFolder,
  type Manifest,
  readManifest,
  unlistedSegments,
} from './manifest.ts';
import { readSegment } from './read-segment.ts';

/** What the manifest says, and every way in which the files do not bear it out. */
export interface EpochVerdict {
  epoch: string;
  first: number | null;
  last: number | null;
  /** The sha-256 of the newest segment. */
  head: string | null;
  segments: number;
  commits: number;
  bytes: number;
  faults: string[];
}

interface VerifyOptions {
  progress: Progress;
  signal: AbortSignal;
}

/** Reads every line of every epoch in a folder; throws `ArchiveFault` when there is none. */
export async function verifyArchive(dir: string, options: VerifyOptions): Promise<EpochVerdict[]> {
  const epochs = await archivedEpochs(dir);
  if (epochs.length === 0) throw new ArchiveFault(`${dir} holds no archive.`);
  const verdicts: EpochVerdict[] = [];
  for (const epoch of epochs) verdicts.push(await verifyEpoch(dir, epoch, options));
  return verdicts;
}

/**
 * Whether a segment with this sha-256 is in the chain of any epoch. An archive that was cut off together with its manifest
 * is whole in itself: only what was known before can tell.
 */
export async function holdsSegment(dir: string, sha256: string): Promise<boolean> {
  for (const epoch of await archivedEpochs(dir)) {
    const manifest = await readManifest(epochFolder(dir, epoch));
    if (manifest?.segments.some((entry) => entry.sha256 === sha256)) return true;
  }
  return false;
}

async function verifyEpoch(dir: string, epoch: string, options: VerifyOptions): Promise<EpochVerdict> {
  const faults: string[] = [];
  const folder = epochFolder(dir, epoch);
  const manifest = await manifestOf(folder, epoch, faults);
  faults.push(...chainFaults(manifest), ...(await segmentFaults(folder, manifest, options)));
  const end = manifest.segments.at(-1);
  // What begins where the manifest ends is what a killed run left: not believed, and written anew by the next.
  const foreign = (await unlistedSegments(folder, manifest)).filter(
    ({ first }) => first !== (end?.last ?? 0) + 1,
  );
  faults.push(...foreign.map(({ file }) => `${file}: the manifest does not name it`));
  return {
    epoch,
    first: manifest.segments[0]?.first ?? null,
    last: end?.last ?? null,
    head: end?.sha256 ?? null,
    segments: manifest.segments.length,
    commits: total(manifest, 'commits'),
    bytes: total(manifest, 'bytes'),
    faults,
  };
}

async function manifestOf(folder: string, epoch: string, faults: string[]): Promise<Manifest> {
  try {
    const manifest = await readManifest(folder);
    if (!manifest) faults.push('manifest.json: it is missing, so that nothing here is believed');
    if (manifest && manifest.epoch !== epoch) faults.push(`manifest.json: it is of epoch ${manifest.epoch}`);
    return { epoch, segments: manifest?.segments ?? [] };
  } catch (error) {
    if (!(error instanceof ArchiveFault)) throw error;
    faults.push(error.message);
    return { epoch, segments: [] };
  }
}

async function segmentFaults(
  folder: string,
  manifest: Manifest,
  { progress, signal }: VerifyOptions,
): Promise<string[]> {
  const faults: string[] = [];
  const work = progress.start(
    'verifying',
    total(manifest, 'commits'),
    () => counted(faults.length, 'fault'),
    'commits',
  );
  try {
    for (const entry of manifest.segments) {
      try {
        for await (const batch of readSegment(folder, manifest.epoch, entry, { strict: true })) {
          signal.throwIfAborted();
          work.advance(batch.length);
        }
      } catch (error) {
        if (!(error instanceof ArchiveFault)) throw error;
        faults.push(error.message);
      }
    }
  } finally {
    work.stop();
  }
  return faults;
}

function total({ segments }: Manifest, field: 'commits' | 'bytes'): number {
  return segments.reduce((sum, entry) => sum + entry[field], 0);
}
