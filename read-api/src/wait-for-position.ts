import { setTimeout as after } from 'node:timers/promises';
import { HEADERS, type Position, parsePosition } from '@parley/contracts';
import { type Logger, ProblemError } from '@parley/runtime';
import pg from 'pg';
import { unbuilt } from './snapshot.ts';

const PATIENCE_MS = 2_000;
/** Notifications wake waiters at once; this is for when the listening connection is being made anew. */
const POLL_MS = 250;
const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RETRY_AFTER_MS = 1_000;
const MOST_WAITING = 10_000;
const MINIMUM = `headers.${HEADERS.minPosition}`;

interface Waiter {
  wanted: Position;
  settle(visible: boolean): void;
}

/**
 * Read-your-writes: holds a query back until the read model has a position. One listening connection and, after each
 * notification, one query serve all waiters.
 */
export class PositionWatch {
  readonly #pool: pg.Pool;
  readonly #url: string;
  readonly #logger: Logger;
  readonly #waiters = new Set<Waiter>();
  readonly #poll: NodeJS.Timeout;
  #listener: pg.Client | null = null;
  #reached: Position | null = null;
  #looking: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #closed = false;

  constructor(options: { pool: pg.Pool; url: string; logger: Logger }) {
    this.#pool = options.pool;
    this.#url = options.url;
    this.#logger = options.logger;
    this.#poll = setInterval(() => this.#lookForWaiters(), POLL_MS).unref();
    void this.#listen();
  }

  /**
   * Throws `invalid-request` naming `path` for a position of another log, `not-yet-visible` after two seconds.
   */
  async waitFor(position: string, path = MINIMUM): Promise<Position> {
    const wanted = parsePosition(position);
    if (!wanted) throw invalid(path, 'must be "<epoch>:<sequence>"');
    if (this.#has(wanted)) return wanted;
    if (this.#closed || this.#waiters.size >= MOST_WAITING) throw notYetVisible();
    // Waiting begins before the look: a notification that comes in between is not missed.
    const { waiter, visible } = this.#startWaiting(wanted);
    try {
      await this.#look();
      if (this.#reached !== null && this.#reached.epoch !== wanted.epoch) {
        throw invalid(path, 'this position is of another log');
      }
      if (!(await visible)) throw notYetVisible();
    } finally {
      waiter.settle(false);
    }
    return wanted;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    for (const waiter of [...this.#waiters]) waiter.settle(false);
    await this.#listener?.end().catch(() => undefined);
  }

  #has({ epoch, sequence }: Position): boolean {
    return this.#reached !== null && this.#reached.epoch === epoch && this.#reached.sequence >= sequence;
  }

  #startWaiting(wanted: Position): { waiter: Waiter; visible: Promise<boolean> } {
    let resolveVisible = (_visible: boolean): void => undefined;
    const visible = new Promise<boolean>((resolve) => {
      resolveVisible = resolve;
    });
    const patience = setTimeout(() => waiter.settle(false), PATIENCE_MS);
    const waiter: Waiter = {
      wanted,
      settle: (isVisible) => {
        clearTimeout(patience);
        this.#waiters.delete(waiter);
        resolveVisible(isVisible);
      },
    };
    this.#waiters.add(waiter);
    return { waiter, visible };
  }

  #lookForWaiters(): void {
    if (this.#waiters.size > 0) void this.#look().catch(() => undefined);
  }

  /** Resolves after a look that began no earlier than this call. All calls during one look share the next. */
  #look(): Promise<void> {
    if (this.#looking === null) return this.#startLook();
    this.#next ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.#startLook();
      });
    return this.#next;
  }

  #startLook(): Promise<void> {
    this.#looking = this.#readPosition().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #readPosition(): Promise<void> {
    try {
      const { rows } = await this.#pool.query<{ epoch: string | null; sequence: string }>({
        name: 'position',
        text: 'select min(epoch) as epoch, min(sequence) as sequence from read_model.checkpoints',
      });
      const [row] = rows;
      this.#reached = row?.epoch ? { epoch: row.epoch, sequence: Number(row.sequence) } : null;
    } catch (error) {
      throw unbuilt(error);
    }
    for (const waiter of [...this.#waiters]) if (this.#has(waiter.wanted)) waiter.settle(true);
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      await this.#listenOnce();
      if (!this.#closed) await after(RECONNECT_MS, undefined, { ref: false });
    }
  }

  /** Resolves when the connection has ended, however that came. */
  async #listenOnce(): Promise<void> {
    const listener = new pg.Client({
      connectionString: this.#url,
      application_name: 'parley-read-api-listen',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    this.#listener = listener;
    const ended = new Promise<void>((resolve) => listener.once('end', resolve));
    listener.on('error', (error) => this.#logger.debug({ error }, 'listening connection lost'));
    listener.on('notification', () => this.#lookForWaiters());
    try {
      await listener.connect();
      await listener.query('listen parley_position');
      if (!this.#closed) await ended;
    } catch (error) {
      this.#logger.debug({ error }, 'cannot listen for positions yet');
    }
    await listener.end().catch(() => undefined);
  }
}

export function notYetVisible(): ProblemError {
  return new ProblemError('not-yet-visible', { retryAfterMs: RETRY_AFTER_MS });
}

function invalid(path: string, message: string): ProblemError {
  return new ProblemError('invalid-request', { errors: [{ path, message }] });
}
