import { type EventLog, type Logger, Metrics } from '@parley/runtime';
import type { ClientBase, Pool } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { Lane } from '../lane.ts';
import { declareProjectorMetrics } from '../metrics.ts';
import { shapeOfThisBuild } from '../migrate.ts';
import { openReadModel } from '../read-model.ts';
import { LANES } from '../run-lanes.ts';
import type { RowWriter } from '../write-batch.ts';
import { writeRows } from '../write-rows.ts';
import type { CommitSource } from './commit-source.ts';
import { copyRows } from './copy-rows.ts';
import { type FoldOptions, foldLanes, type LaneTarget } from './fold-to.ts';
import { makeIndexes, takeIndexes } from './indexes.ts';
import { checkpointsOf } from './live-read-model.ts';
import { withRebuildClient } from './rebuild-lock.ts';
import { type NextState, type Phase, readState, tablesOf, writeState } from './schema-state.ts';

export interface NewReadModelOptions {
  databaseUrl: string;
  schema: string;
  /** Of the log that is folded. */
  epoch: string;
  log: EventLog;
  logger: Logger;
  /** How many lanes it gets; those of this build unless told. Another read model is comparable with as many. */
  lanes?: number;
  source?: NextState['source'];
  /** Ends waiting for a Postgres that is away. */
  signal?: AbortSignal;
}

/**
 * A read model in a schema of its own that is filled beside the one in use, without a projector. Rows and checkpoint are
 * written in one transaction for each slice, so that a run that was killed is gone on with.
 */
export class NewReadModel {
  readonly schema: string;
  readonly #options: NewReadModelOptions;
  readonly #pool: Pool;
  readonly #lanes: readonly Lane[];
  readonly #failed: AbortController;
  #state: NextState;

  private constructor(
    options: NewReadModelOptions,
    state: NextState,
    checkpoints: readonly Checkpoint[],
    pool: Pool,
  ) {
    this.schema = options.schema;
    this.#options = options;
    this.#state = state;
    this.#pool = pool;
    this.#failed = new AbortController();
    const { signal = this.#failed.signal, logger } = options;
    const metrics = declareProjectorMetrics(new Metrics('rebuild'));
    const onLost = (error: Error): void => this.#failed.abort(error);
    const shared = { pool, metrics, logger, signal, onLost, write: writeByCopy, lanes: checkpoints.length };
    this.#lanes = checkpoints.map((checkpoint) => new Lane({ ...shared, checkpoint }));
  }

  /** Empty tables of this build, without the indexes that a load does without. What was in the schema is dropped. */
  static async create(options: NewReadModelOptions): Promise<NewReadModel> {
    const { databaseUrl, schema, epoch, lanes = LANES, source = 'log' } = options;
    const shape = shapeOfThisBuild();
    const state = await withRebuildClient(databaseUrl, async (client) => {
      await client.query(`BEGIN; DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      for (const statement of shape.statements) {
        await client.query(statement.replaceAll('"read_model"', `"${schema}"`));
      }
      const indexes = await takeIndexes(client, schema);
      const startedAt = new Date().toISOString();
      const made: NextState = { phase: 'load', shape: shape.hash, epoch, startedAt, source, indexes };
      await client.query(
        `INSERT INTO ${schema}.checkpoints (lane, epoch, sequence, commit_id, owner_epoch, updated_at)
         SELECT lane, $2, 0, '', 1, now() FROM generate_series(0, $1::int - 1) AS lane`,
        [lanes, epoch],
      );
      await writeState(client, schema, made);
      await client.query('COMMIT');
      return made;
    });
    return NewReadModel.#open(options, state);
  }

  /** Goes on with what an earlier run left; null when there is nothing, or it is of another build, log or source. */
  static async resume(options: NewReadModelOptions): Promise<NewReadModel | null> {
    const { databaseUrl, schema, epoch, source = 'log' } = options;
    const state = await withRebuildClient(databaseUrl, (client) => readState<NextState>(client, schema));
    if (!state || !isWhole(state)) return null;
    if (state.shape !== shapeOfThisBuild().hash || state.epoch !== epoch || state.source !== source)
      return null;
    return NewReadModel.#open(options, state);
  }

  static async #open(options: NewReadModelOptions, state: NextState): Promise<NewReadModel> {
    const { databaseUrl, schema, logger } = options;
    const pool = openReadModel({ databaseUrl, connections: 8, name: 'parley-rebuild', logger, schema });
    const checkpoints = await withRebuildClient(databaseUrl, (client) => checkpointsOf(client, schema));
    return new NewReadModel(options, state, checkpoints, pool);
  }

  get state(): NextState {
    return this.#state;
  }

  get lanes(): number {
    return this.#lanes.length;
  }

  /** Sequence up to which every lane has written. */
  get position(): number {
    return Math.min(...this.positions);
  }

  /** How far each lane has written. */
  get positions(): readonly number[] {
    return this.#lanes.map((lane) => lane.position);
  }

  /** Why a lane is not getting on at the moment, or null. */
  get trouble(): string | null {
    return this.#lanes.find((lane) => lane.trouble !== null)?.trouble ?? null;
  }

  /** Folds each lane to exactly its target; one that is there or beyond stays. Throws when it cannot get there. */
  async foldTo(
    targets: readonly LaneTarget[],
    source: CommitSource,
    options: FoldOptions = {},
  ): Promise<void> {
    await foldLanes(this.#lanes, targets, source, {
      ...options,
      ...(this.#options.signal && { signal: this.#options.signal }),
    });
    this.#failed.signal.throwIfAborted();
  }

  /** Makes the indexes that were left away, and the planner's statistics. May be called again. */
  async createIndexes(onIndex?: (done: number, of: number) => void): Promise<void> {
    const { indexes } = this.#state;
    const waiting = indexes.values();
    let done = 0;
    await this.#withTwoClients((client) =>
      makeIndexes(client, waiting, () => onIndex?.(++done, indexes.length)),
    );
    const { databaseUrl } = this.#options;
    const tables = await withRebuildClient(databaseUrl, (client) => tablesOf(client, this.schema));
    const unknown = tables.values();
    await this.#withTwoClients(async (client) => {
      for (const table of unknown) await client.query(`ANALYZE ${this.schema}.${table}`);
    });
  }

  /** An index or a table's statistics keep one core busy most of the time. */
  async #withTwoClients(work: (client: ClientBase) => Promise<void>): Promise<void> {
    const { databaseUrl } = this.#options;
    await Promise.all([withRebuildClient(databaseUrl, work), withRebuildClient(databaseUrl, work)]);
  }

  /** Keeps how far the building is, for a run that goes on with it. */
  async enter(phase: Phase): Promise<void> {
    this.#state = { ...this.#state, phase };
    await withRebuildClient(this.#options.databaseUrl, (client) =>
      writeState(client, this.schema, this.#state),
    );
  }

  /** Ends its connections; the tables stay. */
  close(): Promise<void> {
    return this.#pool.end();
  }

  /** Ends its connections and drops its schema. */
  async drop(): Promise<void> {
    await this.close();
    await withRebuildClient(this.#options.databaseUrl, (client) =>
      client.query(`DROP SCHEMA IF EXISTS ${this.schema} CASCADE`),
    );
  }
}

const writeByCopy: RowWriter = (client, changes) => writeRows(client, changes, copyRows);

function isWhole(state: Partial<NextState>): state is NextState {
  return state.phase !== undefined && Array.isArray(state.indexes);
}
