import { type ArchiveWish, fromArchive, fromCache } from './archive-binary.ts';
import { type Binary, fromPath, fromVariable } from './binary.ts';
import { onceEach } from './once-each.ts';
import type { Report } from './report.ts';
import { SetupError } from './setup-error.ts';
import type { Version } from './version.ts';

export const natsMinimum: Version = [2, 12, 0];

const found = onceEach<Binary>();

export function findNats(report: Report): Promise<Binary> {
  return found('nats-server', () => search(report));
}

async function search(report: Report): Promise<Binary> {
  const wish: ArchiveWish = {
    name: 'nats-server',
    minimum: natsMinimum,
    paths: ['usr/sbin/nats-server', 'usr/bin/nats-server'],
    packages: ['nats-server'],
    // Debian: 13 has 2.10, forky 2.15, which needs only glibc 2.34 and so runs on 12. Ubuntu: `devel` is its newest.
    suites: (distribution, codename) => (distribution === 'debian' ? ['forky'] : [codename, 'devel']),
    report,
  };
  const binary =
    (await fromVariable('NATS_SERVER_BIN', { names: [], minimum: natsMinimum })) ??
    (await fromPath({ names: ['nats-server'], minimum: natsMinimum })) ??
    (await fromCache(wish)) ??
    (await fromArchive(wish));
  if (binary) return binary;
  throw new SetupError(`nats-server 2.12 or newer was not found. Install it and try again:\n${advice()}`);
}

function advice(): string {
  const go =
    'go install github.com/nats-io/nats-server/v2@latest   (then add "$(go env GOPATH)/bin" to PATH)';
  const ways: Partial<Record<NodeJS.Platform, string[]>> = {
    darwin: ['brew install nats-server', go],
    win32: ['scoop install main/nats-server', go],
  };
  const lines = [
    ...(ways[process.platform] ?? [go]),
    'or set NATS_SERVER_BIN to the path of a binary you have',
  ];
  return lines.map((line) => `  ${line}`).join('\n');
}
