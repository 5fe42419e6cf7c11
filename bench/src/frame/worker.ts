import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const STOP_GRACE_MS = 10_000;

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

/** A Node process of the bench, asked by name and argument; ends with its parent, because the channel does. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #stopping = false;

  private constructor(child: ChildProcess, script: string, logFile: string) {
    this.#child = child;
    child.on('message', (message) => this.#settle(message as Answer));
    child.once('exit', (code, signal) => {
      const error = new Error(`${script} ended (${signal ?? code}), see ${logFile}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** `script`: a module beside the benches that calls `answerCalls`. Its output goes to the file. */
  static start(script: string, options: { logFile: string; nodeArguments?: readonly string[] }): Worker {
    const log = openSync(options.logFile, 'a');
    try {
      const child = fork(fileURLToPath(new URL(`../${script}`, import.meta.url)), [], {
        stdio: ['ignore', log, log, 'ipc'],
        execArgv: [...(options.nodeArguments ?? [])],
      });
      return new Worker(child, script, options.logFile);
    } finally {
      closeSync(log);
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  call<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, name, argument }, (error) => {
        if (error) reject(error);
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#stopping || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#stopping = true;
    await new Promise<void>((resolve) => {
      const hard = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
      this.#child.once('exit', () => {
        clearTimeout(hard);
        resolve();
      });
      this.#child.disconnect();
    });
  }

  #settle({ id, result, error }: Answer): void {
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiter?.resolve(result);
    else waiter?.reject(new Error(error));
  }
}

type Call = (argument: never) => unknown;

/** In a worker's script: answers its parent's calls, and exits when the parent is gone. */
export function answerCalls(calls: Readonly<Record<string, Call>>): void {
  process.on('message', (message) => {
    const { id, name, argument } = message as { id: number; name: string; argument: never };
    void (async () => {
      try {
        const call = calls[name];
        if (!call) throw new Error(`no such call: ${name}`);
        process.send?.({ id, result: await call(argument) });
      } catch (error) {
        process.send?.({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
    })();
  });
  process.once('disconnect', () => process.exit(0));
}
