import type { Child, Exit } from './child.ts';
import { type ChildOptions, startChild } from './child.ts';
import { logSize, logTail } from './log-tail.ts';
import { poll } from './poll.ts';
import { PortTakenError } from './ports.ts';

/** A server on loopback. `pid` changes with a restart; port, data and url do not. */
export interface LocalServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the present process ends, for whatever reason. */
  exited(): Promise<Exit>;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Stops it if it runs, then starts it on the same port and data. */
  restart(): Promise<void>;
}

export type Lifecycle = Omit<LocalServer, 'url' | 'port' | 'pid'> & { pid(): number };

export interface LaunchOptions extends ChildOptions {
  name: string;
  readyMs: number;
  /** Ends the wait, and with it the process. */
  abort?: AbortSignal | undefined;
  /** Gives a value as soon as the server is up and known to be this child. */
  ready(child: Child): Promise<true | undefined>;
}

/** Starts a server process and waits until it is ready; one that ends before that is an error with its last lines. */
export async function launch(options: LaunchOptions): Promise<Child> {
  const from = logSize(options.logFile);
  const child = await startChild(options);
  try {
    await poll(
      async () => {
        options.abort?.throwIfAborted();
        if (child.hasExited()) throw earlyExit(options, await child.exited, from);
        return options.ready(child);
      },
      { what: `${options.name} to become ready (log: ${options.logFile})`, timeoutMs: options.readyMs },
    );
  } catch (error) {
    await child.stop('SIGKILL', 0);
    throw error;
  }
  return child;
}

function earlyExit(options: LaunchOptions, exit: Exit, from: number): Error {
  const tail = logTail(options.logFile, 12, from);
  if (/address already in use|address in use/i.test(tail)) {
    return new PortTakenError(`${options.name}: the port is in use\n${tail}`);
  }
  const how = exit.signal ? `by ${exit.signal}` : `with code ${exit.code}`;
  return new Error(`${options.name} ended ${how} before it was ready\n${tail}`);
}

export interface GentleStop {
  signal: NodeJS.Signals;
  /** After this SIGKILL follows. */
  graceMs: number;
}

/** Stop, kill and restart around a way to start. */
export function lifecycle(first: Child, start: () => Promise<Child>, gentle: GentleStop): Lifecycle {
  let child = first;
  const stop = async () => {
    await child.stop(gentle.signal, gentle.graceMs);
  };
  return {
    pid: () => child.pid,
    exited: () => child.exited,
    stop,
    async kill() {
      await child.stop('SIGKILL', 0);
    },
    async restart() {
      await stop();
      child = await startAgain(start);
    },
  };
}

/** Its port is known to others, so it is worth waiting for when somebody has it for a moment. */
function startAgain(start: () => Promise<Child>): Promise<Child> {
  const deadline = Date.now() + 5_000;
  return poll(
    () =>
      start().catch((error: unknown) => {
        if (error instanceof PortTakenError && Date.now() < deadline) return undefined;
        throw error;
      }),
    { what: 'the port to be free again', timeoutMs: 300_000, everyMs: 100 },
  );
}
