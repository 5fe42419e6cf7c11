import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot } from './repo-root.ts';

/**
 * Fills `.parley/bin/<name>` once. The fill happens beside it and is renamed into place whole, so readers never see
 * half of it; of two that fill at once the first rename wins and the other's copy is dropped.
 */
export async function fillOnce(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const cache = join(repoRoot(), '.parley', 'bin');
  const place = join(cache, name);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetching-'));
  try {
    await fill(folder);
    // mkdtemp makes it 0700; a server started by root runs as another user.
    await chmod(folder, 0o755);
    await renameUnlessThere(folder, place);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return place;
}

export function cached(name: string): string {
  return join(repoRoot(), '.parley', 'bin', name);
}

/** Names a cache entry for this machine: a repository may be copied or mounted to another one. */
export function platformName(name: string): string {
  return `${name}-${process.platform}-${process.arch}`;
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}
