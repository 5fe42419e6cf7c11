import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const READY_MS = 60_000;
const POLL_MS = 20;
const STOP_GRACE_MS = 15_000;
const LOG_TAIL = 2_000;

export interface Service {
  readonly url: string;
  readonly pid: number;
  /** The last of what it logged. */
  logTail(): string;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** Folder of the package: its `dist/main.js` is run. */
  name: 'command-api' | 'projector' | 'realtime-gateway';
  dir: string;
  env: Record<string, string>;
  nodeArguments?: readonly string[];
  /** Go on as soon as it listens; otherwise when it says that it is ready. */
  waitFor?: 'ready' | 'nothing';
}

/** One of the services as it is deployed: its own process, configured by its environment alone. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const port = await freePort();
  const logFile = join(options.dir, `${options.name}.log`);
  const child = spawn(options, port, logFile);
  const url = `http://127.0.0.1:${port}`;
  const logTail = () => readFileSync(logFile, 'utf8').slice(-LOG_TAIL);
  const service = { url, pid: child.pid ?? -1, logTail, stop: () => stop(child) };
  if (options.waitFor === 'nothing') return service;
  try {
    await whenReady(child, service);
  } catch (error) {
    await service.stop();
    throw error;
  }
  return service;
}

function spawn(
  { name, env, nodeArguments = [] }: ServiceOptions,
  port: number,
  logFile: string,
): ChildProcess {
  const main = fileURLToPath(new URL(`../../../${name}/dist/main.js`, import.meta.url));
  const log = openSync(logFile, 'a');
  try {
    return fork(main, [], {
      stdio: ['ignore', log, log, 'ipc'],
      execArgv: [...nodeArguments],
      env: { ...process.env, ...env, HOST: '127.0.0.1', PORT: String(port) },
    });
  } finally {
    closeSync(log);
  }
}

async function whenReady(child: ChildProcess, { url, logTail }: Service): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the service did not become ready:\n${logTail()}`);
    }
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await after(POLL_MS);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await exited;
  clearTimeout(hard);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
