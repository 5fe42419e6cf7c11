import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';

/** A process that runs `start` as a service; `log` writes a line of its own. */
const program = (start: string, deadlineMs = 5_000) => `
  import { createServer } from 'node:net';
  import { createLogger, Readiness, runProcess } from '@parley/runtime';
  const logger = createLogger({ name: 'probe', level: 'info' });
  const readiness = new Readiness();
  const hold = setInterval(() => undefined, 1_000);
  const stopped = { stop: async () => { clearInterval(hold); logger.info(await readiness.report(), 'let go'); } };
  await runProcess({ name: 'probe', logger, readiness, deadlineMs: ${deadlineMs}, start: async () => { ${start} } });
`;

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(source: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  // Not `close`: it never comes once the channel has been disconnected from this side.
  const ended = Promise.all([
    once(child, 'exit'),
    once(child.stdout ?? child, 'close'),
    once(child.stderr ?? child, 'close'),
  ]);
  return {
    child,
    output: () => output,
    exit: async () => (await ended)[0][0] as number | null,
    says: (text: string) => expect.poll(() => output, { timeout: 20_000 }).toContain(text),
  };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets go of everything, not ready first, and exits 0',
  async (signal) => {
    const probe = run(program('return stopped;'));
    await probe.says('probe runs');
    probe.child.kill(signal);
    expect(await probe.exit()).toBe(0);
    expect(probe.output()).toMatch(/"ready":false,"reasons":\["stopping"\],"message":"let go"/);
  },
);

test('the end of the channel to its launcher stops it', async () => {
  const probe = run(program('return stopped;'));
  await probe.says('probe runs');
  probe.child.disconnect();
  expect(await probe.exit()).toBe(0);
  expect(probe.output()).toContain('let go');
});

test('a stop that does not end is cut at the deadline, exit 1', async () => {
  const probe = run(program('return { stop: () => new Promise(() => undefined) };', 200));
  await probe.says('probe runs');
  probe.child.kill('SIGTERM');
  expect(await probe.exit()).toBe(1);
});

test('a second signal exits at once', async () => {
  const probe = run(program('return { stop: () => new Promise(() => undefined) };', 60_000));
  await probe.says('probe runs');
  probe.child.kill('SIGTERM');
  await probe.says('probe stops');
  probe.child.kill('SIGTERM');
  expect(await probe.exit()).toBe(1);
});

test.each([
  ['a rejection that nobody handled', 'void Promise.reject(new Error("lost thought"))'],
  ['an exception that nobody caught', 'throw new Error("lost thought")'],
])('%s is logged, everything is let go, exit 1', async (_name, fault) => {
  const probe = run(program(`setImmediate(() => { ${fault}; }); return stopped;`));
  expect(await probe.exit()).toBe(1);
  expect(probe.output()).toContain('lost thought');
  expect(probe.output()).toContain('let go');
});

test('a failed start is one line that says what to do, exit 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const listen = `await new Promise((done, fail) => createServer().on('error', fail).listen(${port}, '127.0.0.1', done));`;
  const probe = run(program(`${listen} return stopped;`));
  expect(await probe.exit()).toBe(1);
  taken.close();
  const lines = probe.output().trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'fatal',
    message: expect.stringMatching(/probe cannot start: .*EADDRINUSE.*set PORT/),
  });
});

test('a signal during the start stops what has started by then', async () => {
  const probe = run(
    program(
      'logger.info("starting"); await new Promise((told) => process.once("SIGTERM", told)); return stopped;',
    ),
  );
  await probe.says('starting');
  probe.child.kill('SIGTERM');
  expect(await probe.exit()).toBe(0);
  expect(probe.output()).toContain('let go');
});

test('a wrong configuration is a plain list on stderr, exit 1', async () => {
  const probe = run(`
    import { loadConfigOrExit, logVariables, redisVariables } from '@parley/runtime';
    loadConfigOrExit({ ...logVariables, ...redisVariables });
  `);
  expect(await probe.exit()).toBe(1);
  expect(probe.output().trim().split('\n')).toEqual([
    'The configuration has 2 problem(s):',
    expect.stringContaining('NATS_URL is missing'),
    expect.stringContaining('REDIS_URL is missing'),
  ]);
});
