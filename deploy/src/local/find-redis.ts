import { type ArchiveWish, fromArchive, fromCache } from './archive-binary.ts';
import { type Binary, fromPath, fromVariable } from './binary.ts';
import { onceEach } from './once-each.ts';
import type { Report } from './report.ts';
import { SetupError } from './setup-error.ts';
import type { Version } from './version.ts';

const minimum: Version = [6, 2, 0];
const names = ['redis-server', 'valkey-server'];

const found = onceEach<Binary>();

export function findRedis(report: Report): Promise<Binary> {
  return found('redis', () => search(report));
}

async function search(report: Report): Promise<Binary> {
  const wish: ArchiveWish = {
    name: 'redis-server',
    minimum,
    paths: ['usr/bin/redis-server'],
    // The server, then the libraries that a small system may lack; a name differs between suites (t64).
    packages: [
      'redis-server',
      'redis-tools',
      'libjemalloc2',
      'liblzf1',
      'libatomic1',
      'libssl3',
      'libssl3t64',
      'libsystemd0',
    ],
    suites: (_distribution, codename) => [codename],
    report,
  };
  const binary =
    (await fromVariable('REDIS_SERVER_BIN', { names, minimum })) ??
    (await fromPath({ names, minimum })) ??
    (await fromCache(wish)) ??
    (await fromArchive(wish));
  if (binary) return binary;
  throw new SetupError(`Redis 6.2 (or Valkey) was not found. Install it and try again:\n${advice()}`);
}

function advice(): string {
  const ways: Partial<Record<NodeJS.Platform, string[]>> = {
    darwin: ['brew install redis'],
    win32: ['use WSL: wsl --install, then run the stack inside it'],
    linux: ['sudo apt-get install redis-server   (or dnf install valkey, pacman -S valkey, apk add valkey)'],
  };
  const own = 'or set REDIS_SERVER_BIN to the path of a binary you have';
  return [...(ways[process.platform] ?? []), own].map((line) => `  ${line}`).join('\n');
}
