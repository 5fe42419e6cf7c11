import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AptSource, parseDeb822, parseOneLine } from './apt-sources.ts';

export interface AptMachine {
  distribution: 'debian' | 'ubuntu';
  codename: string;
  keyring: string;
  /** The distribution's own archive as this machine is configured to reach it, security suites left out. */
  archives: AptSource[];
}

const keyrings = {
  debian: ['debian-archive-keyring.gpg', 'debian-archive-keyring.pgp'],
  ubuntu: ['ubuntu-archive-keyring.gpg', 'ubuntu-archive-keyring.pgp'],
};

/** What this machine's apt says of itself, or undefined where there is no Debian or Ubuntu archive to ask. */
export function aptMachine(): AptMachine | undefined {
  const release = osRelease();
  const distribution = release.get('ID');
  const codename = release.get('VERSION_CODENAME');
  if ((distribution !== 'debian' && distribution !== 'ubuntu') || !codename) return undefined;
  const keyring = findKeyring(distribution);
  const archives = configuredSources().filter((source) => isArchive(source, codename));
  return keyring && archives.length > 0 ? { distribution, codename, keyring, archives } : undefined;
}

function isArchive(source: AptSource, codename: string): boolean {
  return source.suite === codename && source.components.includes('main') && !/security/.test(source.uri);
}

function osRelease(): Map<string, string> {
  const file = '/etc/os-release';
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const pairs = text.split('\n').map((line) => /^(\w+)="?([^"]*)"?$/.exec(line));
  return new Map(pairs.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : [])));
}

function findKeyring(distribution: 'debian' | 'ubuntu'): string | undefined {
  return keyrings[distribution]
    .map((name) => join('/usr/share/keyrings', name))
    .find((file) => existsSync(file));
}

function configuredSources(): AptSource[] {
  const parts = '/etc/apt/sources.list.d';
  const names = existsSync(parts) ? readdirSync(parts) : [];
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))];
  return files.flatMap(readSources);
}

function readSources(file: string): AptSource[] {
  try {
    if (file.endsWith('.sources')) return parseDeb822(readFileSync(file, 'utf8'));
    return file.endsWith('.list') ? parseOneLine(readFileSync(file, 'utf8')) : [];
  } catch {
    // Absent, or readable by root only; another file may do.
    return [];
  }
}
