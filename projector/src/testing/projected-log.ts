import { randomUUID } from 'node:crypto';
import { conversationSubject, encodeCommit, type LogEvent } from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { Projection } from '../projection.ts';
import { openReadModel } from '../read-model.ts';
import { type RebuildOptions, rebuildReadModel } from '../rebuild/rebuild.ts';
import { rollBackReadModel } from '../rebuild/roll-back.ts';
import { created, numbered, sent, uuid } from './commit.ts';
import { freshMetrics, logger, privatePostgres } from './database.ts';
import { recordHistory, wishes } from './history.ts';

/** A room of its own for what is said during a test. */
export const OWN_ROOM = uuid(0xf0000000);
export const patiently = { timeout: 25_000, interval: 20 };
const progress = { say: () => {}, phase: () => {}, reached: () => {} };

/** For each test of a file a log with some history, and a projector that has folded it and goes on. */
class ProjectedLog {
  log = new MemoryEventLog();
  databaseUrl = '';
  #version = 0;
  #pool: Pool | null = null;
  #projection: Projection | null = null;

  get pool(): Pool {
    if (!this.#pool) throw new Error('no test runs');
    return this.#pool;
  }

  get place() {
    return { databaseUrl: this.databaseUrl, log: this.log, logger };
  }

  async open(databaseUrl: string): Promise<void> {
    this.log = new MemoryEventLog();
    this.databaseUrl = databaseUrl;
    this.#version = 0;
    this.#pool = openReadModel({ databaseUrl, connections: 8, name: 'test', logger });
    const [days = []] = fc.sample(fc.array(wishes, { minLength: 4, maxLength: 4 }), { numRuns: 1, seed: 7 });
    await recordHistory(this.log, days.flat());
    this.project();
    await this.caughtUp();
  }

  async close(): Promise<void> {
    await this.#projection?.stop();
    await this.#pool?.end();
  }

  project(): void {
    const { databaseUrl, log, pool } = this;
    this.#projection = new Projection({ log, pool, databaseUrl, metrics: freshMetrics(), logger });
  }

  async stopProjecting(): Promise<void> {
    await this.#projection?.stop();
  }

  /** The live projector has written everything. */
  async caughtUp(): Promise<void> {
    await vi.waitFor(async () => {
      const { last } = await this.log.bounds();
      expect(this.#projection?.fault).toBeNull();
      expect(await this.position()).toBe(last);
    }, patiently);
  }

  async position(): Promise<number> {
    const { rows } = await this.pool.query('SELECT min(sequence)::int AS lowest FROM read_model.checkpoints');
    return rows[0].lowest ?? 0;
  }

  /** One more message in the own room; `payload` to record something else as the next commit. */
  async say(payload?: Uint8Array): Promise<number> {
    const fact: LogEvent =
      this.#version === 0
        ? created(['ann'], { conversationId: OWN_ROOM })
        : sent(this.#version, 'hi', { conversationId: OWN_ROOM });
    const sequence = await this.append(
      conversationSubject(OWN_ROOM),
      payload ?? encodeCommit(numbered([fact], this.#version + 1)),
    );
    this.#version += 1;
    return sequence;
  }

  async append(subject: string, payload: Uint8Array): Promise<number> {
    const expectedLastSequence = await this.log.lastSequence(subject);
    const outcome = await this.log.append({ subject, commitId: randomUUID(), payload, expectedLastSequence });
    if (outcome.kind !== 'appended') throw new Error('conflict');
    return outcome.sequence;
  }

  /** Makes live rows wrong, as a projection with a bug would. */
  async falsify(): Promise<void> {
    await this.pool.query(`UPDATE read_model.messages SET body = 'false' WHERE deleted_at IS NULL`);
  }

  rebuild(options: Partial<RebuildOptions> = {}) {
    return rebuildReadModel({ ...this.place, progress, keepOldMs: 3_600_000, ...options });
  }

  rollBack(options: Partial<RebuildOptions> = {}) {
    return rollBackReadModel({ ...this.place, progress, keepOldMs: 3_600_000, ...options });
  }

  async schemas(): Promise<string[]> {
    const { rows } = await this.pool.query(
      "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_model%' ORDER BY 1",
    );
    return rows.map(({ nspname }) => nspname);
  }
}

/** Call it once at the top of a test file. */
export function useProjectedLog(): ProjectedLog {
  const stage = new ProjectedLog();
  let postgres: Awaited<ReturnType<typeof privatePostgres>>;
  beforeAll(async () => {
    postgres = await privatePostgres();
  });
  afterAll(() => postgres?.stop());
  beforeEach(async () => stage.open(await postgres.readModel()));
  afterEach(() => stage.close());
  return stage;
}

/** A progress that keeps what is said. */
export function listening(): { said: string[]; progress: RebuildOptions['progress'] } {
  const said: string[] = [];
  return { said, progress: { ...progress, say: (text) => void said.push(text) } };
}
