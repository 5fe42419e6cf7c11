import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, startChild } from './child.ts';
import { findOrphans, stopOrphans } from './orphans.ts';
import { commandLine, isAlive, namesPath, startedAt } from './process-identity.ts';
import { silent } from './report.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

describe('a process is known by a path in its command line', () => {
  it('when the path is there whole', () => {
    expect(namesPath('postgres -D /a/parley/data -c port=1', ['/a/parley'])).toBe(true);
    expect(namesPath('redis-server /a/parley', ['/a/parley'])).toBe(true);
  });

  it('not when the path is the beginning of another', () => {
    expect(namesPath('postgres -D /a/parley-2/data', ['/a/parley'])).toBe(false);
    expect(namesPath('', ['/a/parley'])).toBe(false);
  });
});

describe('orphans of a killed launcher', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const children: Child[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(async () => {
    await Promise.all(children.map((child) => child.stop('SIGKILL', 0)));
    await folder.remove();
  });

  async function idle(name: string, argument: string): Promise<Child> {
    const child = await startChild({
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)', argument],
      logFile: join(folder.path, `${name}.log`),
    });
    children.push(child);
    return child;
  }

  function record(name: string, pid: number): string {
    const pidDir = join(folder.path, 'pids');
    mkdirSync(pidDir, { recursive: true });
    writeFileSync(join(pidDir, name), String(pid));
    return pidDir;
  }

  it('are stopped, and a stranger that has a recorded pid now is not', async () => {
    const data = join(folder.path, 'data');
    const [ours, stranger] = await Promise.all([
      idle('ours', join(data, 'x')),
      idle('stranger', '/elsewhere'),
    ]);
    record('projector', ours.pid);
    const pidDir = record('nats', stranger.pid);
    expect((await findOrphans(pidDir, [data])).map((orphan) => orphan.name)).toEqual(['projector']);
    await stopOrphans(pidDir, [data], silent);
    expect(ours.hasExited() || (await startedAt(ours.pid)) === undefined).toBe(true);
    expect(isAlive(stranger.pid)).toBe(true);
    expect(await commandLine(stranger.pid)).toContain('/elsewhere');
  });

  it('are none when nothing was recorded', async () => {
    expect(await findOrphans(join(folder.path, 'absent'), ['/'])).toEqual([]);
  });
});
