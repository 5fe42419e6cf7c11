import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, startPostgres, startRedis } from '@parley/deploy/testing';
import { Client } from 'pg';
import { type Backend, startBackend } from './backend.ts';

const PARLEY = join(import.meta.dirname, '../../../cli/dist/main.js');

interface Ended {
  code: number | null;
  output: string;
  /** What went to standard error. */
  told: string;
}

/** A backend's servers as an operator has them: with `parley`, and a connection to Postgres. */
export interface Operator {
  dir: string;
  backend: Backend;
  natsUrl: string;
  databaseUrl: string;
  db: Client;
  parley(...words: string[]): Promise<Ended>;
  /** One that can be killed. */
  begin(...words: string[]): { child: ChildProcess; told(): string; done: Promise<Ended> };
  stop(): Promise<void>;
}

export async function startOperator(): Promise<Operator> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-operator-'));
  const nats = await startNats({ dir: join(dir, 'nats') });
  const postgres = await startPostgres({ dir: join(dir, 'postgres'), fast: true });
  const redis = await startRedis({ dir: join(dir, 'redis') });
  const shared = { natsUrl: nats.url, databaseUrl: postgres.url, redisUrl: redis.url };
  const backend = await startBackend({ shared });
  const db = new Client({ connectionString: postgres.url });
  await db.connect();
  const begin: Operator['begin'] = (...words) => {
    const env = { ...process.env, NATS_URL: nats.url, DATABASE_URL: postgres.url };
    const child = spawn(process.execPath, [PARLEY, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, told] = ['', ''];
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      told += text;
    });
    const done = once(child, 'close').then(([code]): Ended => ({ code, output, told }));
    return { child, told: () => told, done };
  };
  return {
    ...{ dir, backend, natsUrl: nats.url, databaseUrl: postgres.url, db, begin },
    parley: (...words) => begin(...words).done,
    async stop() {
      await db.end();
      await backend.stop();
      for (const server of [nats, postgres, redis]) await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
