import { setTimeout as after } from 'node:timers/promises';
import { type EventLog, type Logger, type OpenLog, openEventLog, ProblemError } from '@parley/runtime';

const RETRY_MS = 1_000;

/**
 * The event log for reading, opened in the background: a process whose other queries need only Postgres starts and stays
 * ready without it.
 */
export class LogReader {
  readonly #options: { natsUrl: string; replicas: 1 | 3; name: string; logger: Logger };
  readonly #closing = new AbortController();
  #opened: OpenLog | null = null;

  constructor(options: { natsUrl: string; replicas: 1 | 3; name: string; logger: Logger }) {
    this.#options = options;
    void this.#open();
  }

  /** Throws `unavailable` while the log is away. */
  get log(): Pick<EventLog, 'epoch' | 'read'> {
    if (!this.#closing.signal.aborted && this.#opened?.connected()) return this.#opened.log;
    throw new ProblemError('unavailable', { detail: 'the log cannot be reached', retryAfterMs: RETRY_MS });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // A drain of a broken connection fails; nothing that is only read can be lost by it.
    await this.#opened?.close().catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const opened = await openEventLog(this.#options);
        this.#opened = opened;
        if (signal.aborted) await this.close();
        return;
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'the log cannot be opened yet, trying again');
        await after(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }
}
