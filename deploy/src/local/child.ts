import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface ChildOptions {
  command: string;
  args: readonly string[];
  logFile: string;
  /** Holds the pid while the process runs; a launcher that was killed leaves it for the next one. */
  pidFile?: string | undefined;
  cwd?: string | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  /** A process group of its own, so that Ctrl-C reaches only its launcher, which stops things in order. */
  detached?: boolean | undefined;
  /** An IPC channel; the child sees 'disconnect' when its launcher dies. */
  ipc?: boolean | undefined;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Sends the signal, waits, and after the grace period sends SIGKILL. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<Exit>;
}

const living = new Set<ChildProcess>();

/** Starts a process whose output goes to a file, so that it never depends on the launcher being there to read. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawnLogged(options);
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  recordPid(child, options.pidFile);
  await once(child, 'spawn');
  trackLiving(child);
  return handle(child, exited);
}

/** SIGKILL for every process that this one started and that still runs. */
export function killLiving(): void {
  for (const child of living) child.kill('SIGKILL');
}

function trackLiving(child: ChildProcess): void {
  // Also when a test runner forgets to stop a server, or fails before it can.
  if (process.listeners('exit').every((each) => each !== killLiving)) process.once('exit', killLiving);
  living.add(child);
  child.once('exit', () => living.delete(child));
}

function recordPid(child: ChildProcess, file: string | undefined): void {
  if (file === undefined || child.pid === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, String(child.pid));
  child.once('exit', () => rmSync(file, { force: true }));
}

function spawnLogged(options: ChildOptions): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    return spawn(options.command, options.args, {
      stdio: options.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
      detached: options.detached ?? false,
      windowsHide: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
  } finally {
    closeSync(log);
  }
}

function handle(child: ChildProcess, exited: Promise<Exit>): Child {
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const signal = (name: NodeJS.Signals) => {
    if (!hasExited()) child.kill(name);
  };
  return {
    pid: child.pid ?? -1,
    exited,
    hasExited,
    signal,
    async stop(name, graceMs) {
      signal(name);
      const hard = setTimeout(() => signal('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(hard);
      return exit;
    },
  };
}
