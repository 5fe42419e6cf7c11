import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { aptMachine } from './apt-machine.ts';
import { type AptRoot, openAptRoot } from './apt-root.ts';
import { type Binary, probe } from './binary.ts';
import { cached, fillOnce, platformName } from './binary-cache.ts';
import type { Report } from './report.ts';
import { atLeast, parseVersion, type Version } from './version.ts';

/** A server that the distribution's archive holds. */
export interface ArchiveWish {
  name: string;
  minimum: Version;
  /** Inside the unpacked packages, in the order of preference. */
  paths: readonly string[];
  packages: readonly string[];
  /** Suites to ask, given the machine's distribution and codename. */
  suites(distribution: 'debian' | 'ubuntu', codename: string): readonly string[];
  report: Report;
}

export async function fromCache(wish: ArchiveWish): Promise<Binary | undefined> {
  return inFolder(cached(platformName(wish.name)), wish);
}

/**
 * Fetches through a private apt root: apt checks the archive's signature.
 * There is no download from a release page, because the repository holds no checksum to hold it against.
 */
export async function fromArchive(wish: ArchiveWish): Promise<Binary | undefined> {
  const machine = aptMachine();
  if (!machine) return undefined;
  for (const suite of wish.suites(machine.distribution, machine.codename)) {
    wish.report(`${wish.name}: asking the ${machine.distribution} archive (${suite})…`);
    const root = await openAptRoot(machine, suite);
    const binary = root && (await fetchFrom(root, wish, machine.distribution).finally(() => root.remove()));
    if (binary) return binary;
  }
  return undefined;
}

async function fetchFrom(root: AptRoot, wish: ArchiveWish, archive: string): Promise<Binary | undefined> {
  // A Debian version may begin with an epoch: "5:7.0.15".
  const candidate = (await root.candidate(wish.packages[0] ?? wish.name))?.replace(/^\d+:/, '');
  const version = parseVersion(candidate ?? '');
  if (!version || !atLeast(version, wish.minimum)) return undefined;
  wish.report(`${wish.name} ${candidate}: fetching from the ${archive} archive (5–10 MB)…`);
  // What is there did not pass the probe in fromCache, so it is of no use to anybody.
  await rm(cached(platformName(wish.name)), { recursive: true, force: true });
  const folder = await fillOnce(platformName(wish.name), (into) => root.unpack(wish.packages, into));
  return inFolder(folder, wish);
}

async function inFolder(folder: string, wish: ArchiveWish): Promise<Binary | undefined> {
  if (!existsSync(folder)) return undefined;
  for (const path of wish.paths) {
    const binary = await probe(join(folder, path), wish.minimum, libraryPath(folder));
    if (binary) return binary;
  }
  return undefined;
}

function libraryPath(folder: string): Record<string, string> {
  const triplets: Partial<Record<NodeJS.Architecture, string>> = {
    x64: 'x86_64-linux-gnu',
    arm64: 'aarch64-linux-gnu',
  };
  const triplet = triplets[process.arch];
  if (process.platform !== 'linux' || !triplet) return {};
  const libraries = [join(folder, 'usr/lib', triplet), join(folder, 'lib', triplet)];
  return { LD_LIBRARY_PATH: libraries.filter((each) => existsSync(each)).join(':') };
}
