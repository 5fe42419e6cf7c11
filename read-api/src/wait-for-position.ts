import { HEADERS, parsePosition } from '@parley/contracts';
import { type Logger, ProblemError } from '@parley/runtime';
import pg from 'pg';

const PATIENCE_MS = 2_000;
/** Notifications wake waiters at once; this is for when the listening connection is being made anew. */
const POLL_MS = 250;
const RECONNECT_MS = 1_000;
const MOST_WAITING = 10_000;

interface Waiter {
  sequence: number;
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
  #listener: pg.Client | null = null;
  #epoch: string | null = null;
  #through = 0;
  #looking: Promise<void> | null = null;
  #closed = false;

  constructor(options: { pool: pg.Pool; url: string; logger: Logger }) {
    this.#pool = options.pool;
    this.#url = options.url;
    this.#logger = options.logger;
    void this.#listen();
  }

  /** Throws `invalid-request` for a position of another log, `not-yet-visible` after two seconds. */
  async waitFor(position: string): Promise<void> {
    const wanted = parsePosition(position);
    if (!wanted) throw invalid('must be "<epoch>:<sequence>"');
    if (this.#epoch === wanted.epoch && this.#through >= wanted.sequence) return;
    await this.#look();
    if (this.#epoch !== null && this.#epoch !== wanted.epoch)
      throw invalid('this position is of another log');
    if (this.#epoch !== null && this.#through >= wanted.sequence) return;
    if (this.#waiters.size >= MOST_WAITING || !(await this.#becomesVisible(wanted.sequence))) {
      throw new ProblemError('not-yet-visible', { retryAfterMs: 1_000 });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of [...this.#waiters]) waiter.settle(false);
    await this.#listener?.end().catch(() => undefined);
  }

  #becomesVisible(sequence: number): Promise<boolean> {
    return new Promise((resolve) => {
      const poll = setInterval(() => void this.#look().catch(() => undefined), POLL_MS);
      const patience = setTimeout(() => waiter.settle(false), PATIENCE_MS);
      const waiter: Waiter = {
        sequence,
        settle: (visible) => {
          clearInterval(poll);
          clearTimeout(patience);
          this.#waiters.delete(waiter);
          resolve(visible);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Looks that come while one is under way share the next one's answer only if they came before it began. */
  #look(): Promise<void> {
    this.#looking ??= this.#readThrough().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #readThrough(): Promise<void> {
    const { rows } = await this.#pool.query<{ epoch: string | null; sequence: string | null }>({
      name: 'through',
      text: 'select min(epoch) as epoch, min(sequence) as sequence from read_model.checkpoints',
    });
    this.#epoch = rows[0]?.epoch ?? null;
    this.#through = Number(rows[0]?.sequence ?? 0);
    for (const waiter of [...this.#waiters]) if (waiter.sequence <= this.#through) waiter.settle(true);
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      const listener = new pg.Client({
        connectionString: this.#url,
        application_name: 'parley-read-api-listen',
        keepAlive: true,
      });
      const ended = new Promise<void>((resolve) => listener.once('end', resolve));
      listener.on('error', (error) => this.#logger.debug({ error }, 'listening connection lost'));
      listener.on('notification', () => {
        if (this.#waiters.size > 0) void this.#look().catch(() => undefined);
      });
      try {
        await listener.connect();
        this.#listener = listener;
        if (this.#closed) return void (await listener.end());
        await listener.query('listen parley_position');
        await ended;
      } catch (error) {
        this.#logger.debug({ error }, 'cannot listen for positions yet');
        await listener.end().catch(() => undefined);
      }
      if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }
}

function invalid(message: string): ProblemError {
  return new ProblemError('invalid-request', {
    errors: [{ path: `headers.${HEADERS.minPosition}`, message }],
  });
}
