import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Child, startChild } from './child.ts';
import { poll } from './poll.ts';
import { commandLine } from './process-identity.ts';
import { readStack, type StackInfo } from './stack-file.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

const index = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** The least that keeps the launcher's contract with a service. */
const service = `
import { createServer } from 'node:http';
const { HOST, PORT } = process.env;
const server = createServer((_request, response) => response.end('{}'));
server.listen({ host: HOST, port: Number(PORT) });
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
`;

const launcher = `
import { startStack } from ${JSON.stringify(index)};
const root = process.argv[2];
try {
  const stack = await startStack({ root, report: (text) => console.log(text) });
  process.on('SIGTERM', () => stack.stop().then(() => process.exit(0)));
  console.log('ready');
} catch (error) {
  console.log(error.name);
  process.exit(3);
}
`;

const names = ['projector', 'command-api', 'read-api', 'realtime-gateway', 'notifier'];

describe('the stack', { timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let launchers: Child[];

  beforeEach(async () => {
    folder = await temporaryFolder();
    launchers = [];
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder.path, 'launch.js'), launcher);
    for (const name of names) {
      mkdirSync(join(folder.path, name, 'dist'), { recursive: true });
      writeFileSync(join(folder.path, name, 'dist', 'main.js'), service);
    }
  });
  afterEach(async () => {
    await Promise.all(launchers.map((each) => each.stop('SIGTERM', 60_000)));
    await folder.remove();
  });

  const log = (name: string) => join(folder.path, `${name}.log`);

  async function launchAs(name: string): Promise<Child> {
    const args = [join(folder.path, 'launch.js'), folder.path];
    const child = await startChild({ command: process.execPath, args, logFile: log(name) });
    launchers.push(child);
    return child;
  }

  function running(what: string, is: (info: StackInfo) => boolean = () => true): Promise<StackInfo> {
    const look = async () => {
      const info = await readStack(join(folder.path, '.parley'));
      return info && is(info) ? info : undefined;
    };
    return poll(look, { what, timeoutMs: 60_000, everyMs: 50 });
  }

  async function ours(pids: Record<string, number>): Promise<string[]> {
    const entries = Object.entries(pids).filter(([name]) => name !== 'launcher');
    const lines = await Promise.all(entries.map(([, pid]) => commandLine(pid)));
    return entries.flatMap(([name], at) => (lines[at]?.includes(folder.path) ? [name] : []));
  }

  it('is started once when two launchers start at the same moment', async () => {
    const both = await Promise.all([launchAs('first'), launchAs('second')]);
    const info = await running('one of two launchers to be ready');
    const loser = both.find((each) => each.pid !== info.pids.launcher);
    expect((await loser?.exited)?.code).toBe(3);
    const logs = ['first', 'second'].map((name) => readFileSync(log(name), 'utf8')).join('');
    expect(logs).toContain('AlreadyRunningError');
    expect(await ours(info.pids)).toHaveLength(9);
  });

  it('leaves no process and no address behind when it is stopped', async () => {
    const child = await launchAs('first');
    const { pids } = await running('the launcher to be ready');
    expect(await child.stop('SIGTERM', 60_000)).toEqual({ code: 0, signal: null });
    expect(await ours(pids)).toEqual([]);
    expect(await readStack(join(folder.path, '.parley'))).toBeUndefined();
  });

  it('starts a killed service and a killed server again on their ports', async () => {
    await launchAs('first');
    const before = await running('the launcher to be ready');
    const { 'read-api': service = 0, nats = 0 } = before.pids;
    process.kill(service, 'SIGKILL');
    process.kill(nats, 'SIGKILL');
    const again = (info: StackInfo) => info.pids['read-api'] !== service && info.pids.nats !== nats;
    const after = await running('both to be started again', again);
    expect({ ...after, pids: {} }).toEqual({ ...before, pids: {} });
    expect((await fetch(after.readApi)).status).toBe(200);
  });

  it('recovers from a killed launcher: no orphan stays and the data does', async () => {
    const first = await launchAs('first');
    const before = await running('the first launcher to be ready');
    await first.stop('SIGKILL', 0);
    await launchAs('second');
    const after = await running('the second to be ready', (info) => info.pids.launcher !== first.pid);
    const stale = Object.entries(before.pids).filter(([name, pid]) => after.pids[name] !== pid);
    expect(await ours(Object.fromEntries(stale))).toEqual([]);
    expect(new URL(after.postgres).password).toBe(new URL(before.postgres).password);
    expect(readFileSync(join(folder.path, '.parley', 'logs', 'postgres.log'), 'utf8')).toContain(
      'ready to accept',
    );
  });
});
