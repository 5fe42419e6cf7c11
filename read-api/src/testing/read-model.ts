import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '@parley/deploy/testing';
import { createLogger, createPool } from '@parley/runtime';
import type { Pool } from 'pg';
import { inSnapshot, type Snapshot } from '../snapshot.ts';

/** The tables as the projector makes them: services do not import each other, so its files are read. */
const MIGRATIONS = new URL('../../../projector/migrations/', import.meta.url);
const START = Date.UTC(2026, 0, 1);
const BUILT_THROUGH = 10;

export const EPOCH = '0190a000-0000-4000-8000-00000000e90c';
export const logger = createLogger({ name: 'test', level: 'silent' });
/** `uuid(1)`, `uuid(2)`… in ascending order. */
export const uuid = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** Minutes after a fixed moment, as the API writes times. */
export const timeOf = (minutes: number): string => new Date(START + minutes * 60_000).toISOString();

/** A Postgres of a test file's own, with the rows that the projector would write. */
export class ReadModel {
  readonly server: PostgresServer;
  readonly pool: Pool;
  readonly #dir: string;

  private constructor(server: PostgresServer, dir: string) {
    this.server = server;
    this.#dir = dir;
    this.pool = createPool({ url: server.url, name: 'test', logger, statementTimeoutMs: 0 });
  }

  static async start(): Promise<ReadModel> {
    const dir = await mkdtemp(join(tmpdir(), 'parley-read-api-'));
    return new ReadModel(await startPostgres({ dir, fast: true }), dir);
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** An empty read model that has folded the log through sequence 10. */
  async build(): Promise<void> {
    const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql')).sort();
    const tables = await Promise.all(files.map((file) => readFile(new URL(file, MIGRATIONS), 'utf8')));
    await this.pool.query(['drop schema if exists read_model cascade;', ...tables].join('\n'));
    await this.reach(BUILT_THROUGH);
  }

  /** The lowest lane at `sequence`, another ahead of it, and the word to those who wait, in one transaction. */
  async reach(sequence: number): Promise<void> {
    await this.pool.query(
      `with moved as (
         insert into read_model.checkpoints
         select lane, $1, $2::bigint + lane, 'commit', 1, now() from generate_series(0, 1) lane
         on conflict (lane) do update set epoch = excluded.epoch, sequence = excluded.sequence
         returning epoch, sequence)
       select pg_notify('parley_position', epoch || ':' || sequence) from moved`,
      [EPOCH, sequence],
    );
  }

  read<T>(query: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return inSnapshot(this.pool, query);
  }
}
