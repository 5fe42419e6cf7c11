import { setTimeout as after } from 'node:timers/promises';
import { ContinuityLost, type EventLog, type Logger } from '@parley/runtime';
import type { Pool } from 'pg';
import { type Checkpoint, claimLanes, Diverged } from './checkpoints.ts';
import type { ProjectorMetrics } from './metrics.ts';
import { becomeOwner, type Ownership } from './ownership.ts';
import { LANES, type RunningLanes, runLanes } from './run-lanes.ts';
import { OwnershipLost } from './write-batch.ts';

const TRY_AGAIN_MS = 1_000;
const LAG_EVERY_MS = 1_000;

export interface ProjectOptions {
  log: EventLog;
  pool: Pool;
  databaseUrl: string;
  metrics: ProjectorMetrics;
  logger: Logger;
  lanes?: number;
}

export type ProjectionState =
  | { kind: 'starting' | 'standby' | 'stopped' }
  | { kind: 'running'; run: RunningLanes }
  /** Lost something it needs and tries again by itself. */
  | { kind: 'waiting'; reason: string }
  /** Needs an operator; the process stays up to say so. */
  | { kind: 'halted'; reason: string };

/** Projects whenever it may: waits for ownership, runs, and starts over when it loses it, until it is stopped. */
export class Projection {
  readonly #options: ProjectOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #state: ProjectionState = { kind: 'starting' };

  constructor(options: ProjectOptions) {
    this.#options = options;
    this.#done = this.#projectUntilStopped();
  }

  get state(): ProjectionState {
    return this.#state;
  }

  /** Why the read model does not follow the log, or null. A standby has nothing to complain about. */
  get fault(): string | null {
    const state = this.#state;
    if (state.kind === 'halted' || state.kind === 'waiting') return state.reason;
    if (state.kind !== 'running') return state.kind === 'standby' ? null : state.kind;
    const troubles = state.run.lanes.flatMap((lane) => lane.trouble ?? []);
    return troubles.length > 0 ? troubles.join('; ') : null;
  }

  /** Finishes the transactions in flight, then lets go of the ownership. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the projector stops'));
    await this.#done;
  }

  async #projectUntilStopped(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#ownAndRun();
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (error instanceof Diverged || error instanceof ContinuityLost) {
          this.#options.logger.fatal({ error }, 'the projector halts');
          this.#state = { kind: 'halted', reason: `halted: ${error.message}` };
          return;
        }
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.logger.warn({ error }, 'the projector starts over');
        this.#state = { kind: 'waiting', reason: `starting over: ${reason}` };
      }
      await after(TRY_AGAIN_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
    this.#state = { kind: 'stopped' };
  }

  async #ownAndRun(): Promise<void> {
    const { databaseUrl, logger } = this.#options;
    const ownership = await becomeOwner({
      databaseUrl,
      logger,
      signal: this.#stop.signal,
      onStandby: () => {
        this.#state = { kind: 'standby' };
      },
    });
    try {
      while (await this.#runUntilExchanged(ownership)) {
        logger.info('the tables were exchanged by a rebuild or a rollback: starting over on the new ones');
      }
    } finally {
      await ownership.release();
    }
  }

  /** True when the tables are others now and this process still owns them: nobody needs to wait then. */
  async #runUntilExchanged(ownership: Ownership): Promise<boolean> {
    const { logger, pool, log, metrics, lanes = LANES } = this.#options;
    const checkpoints = await claimLanes(pool, log, lanes);
    logger.info({ checkpoints }, 'projecting');
    const exchange = new AbortController();
    ownership.onExchange(() => exchange.abort());
    const signal = AbortSignal.any([this.#stop.signal, ownership.lost, exchange.signal]);
    const run = runLanes({ log, pool, checkpoints, metrics, logger, signal });
    this.#state = { kind: 'running', run };
    try {
      await observed(run, metrics);
    } catch (error) {
      // A batch may have met the new tables before they were told of.
      if (!(error instanceof OwnershipLost)) throw error;
      await ownership.confirm();
      if (!(await isExchanged(pool, checkpoints))) throw error;
      return !this.#stop.signal.aborted;
    }
    ownership.lost.throwIfAborted();
    return exchange.signal.aborted && !this.#stop.signal.aborted;
  }
}

/** With the lock held only an exchange gives the lanes another owner. */
async function isExchanged(pool: Pool, checkpoints: readonly Checkpoint[]): Promise<boolean> {
  const ours = Math.max(...checkpoints.map(({ ownerEpoch }) => ownerEpoch));
  const { rows } = await pool.query<{ others: boolean }>(
    'SELECT coalesce(bool_and(owner_epoch > $1), false) AS others FROM checkpoints',
    [ours],
  );
  return rows[0]?.others === true;
}

/** Keeps the lag gauges true while the run lasts, also when nothing arrives. */
async function observed(run: RunningLanes, metrics: ProjectorMetrics): Promise<void> {
  metrics.haltedLanes.set(0);
  const timer = setInterval(() => measureLag(run, metrics), LAG_EVERY_MS);
  try {
    await run.finished;
  } finally {
    clearInterval(timer);
    measureLag(run, metrics);
  }
}

function measureLag(run: RunningLanes, metrics: ProjectorMetrics): void {
  for (const [index, lane] of run.lanes.entries()) {
    const label = { lane: String(index) };
    const oldest = lane.oldestUnwritten;
    metrics.lagCommits.set(label, Math.max(0, run.head() - lane.position));
    metrics.lagSeconds.set(label, oldest === null ? 0 : (Date.now() - oldest) / 1000);
  }
}
