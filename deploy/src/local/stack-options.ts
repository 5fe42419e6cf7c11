import type { Holder } from './launcher-lock.ts';
import type { Report } from './report.ts';
import type { StackAddresses, StackInfo } from './stack-file.ts';

export interface StackOptions {
  /** The checkout whose built services are run. */
  root: string;
  /** `<root>/.parley` unless told. */
  dir?: string;
  /** Start empty. */
  reset?: boolean;
  /** Rate limits; on unless told. */
  limits?: 'on' | 'off';
  /** Put over the environment of every service. */
  env?: Record<string, string>;
  /** Ends a start that is under way. */
  signal?: AbortSignal;
  report?: Report;
  /** A process died too often; the stack has been stopped. */
  onFailure?(error: Error): void;
}

export interface Stack {
  readonly dir: string;
  readonly addresses: StackAddresses;
  /** Process ids by name. */
  pids(): Record<string, number>;
  /** Services first, then the servers they use. */
  stop(): Promise<void>;
}

/** Another launcher has this folder. */
export class AlreadyRunningError extends Error {
  override name = 'AlreadyRunningError';
  readonly holder: Holder;
  /** Undefined while that one is still starting. */
  readonly running: StackInfo | undefined;

  constructor(holder: Holder, running: StackInfo | undefined) {
    super(`the stack is already ${running ? 'running' : 'starting'} as process ${holder.pid}`);
    this.holder = holder;
    this.running = running;
  }
}
