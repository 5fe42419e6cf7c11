import { join } from 'node:path';
import { parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import type { Rebuilt } from '@parley/projector';
import { createLogger, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sendCommand } from '../testing/backend.ts';
import { recordIrc } from '../testing/irc-log.ts';
import { type Operator, startOperator } from '../testing/operator.ts';

/** The full form: REBUILD_IRC=<ubuntu-irc.ndjson.gz> REBUILD_SECONDS=60, over and over for as long. */
const FULL = process.env.REBUILD_IRC;
const SECONDS = Number(process.env.REBUILD_SECONDS ?? 0);
const INPUT = {
  file: FULL ?? join(import.meta.dirname, '../../../cli/data/ubuntu-irc-sample.ndjson.gz'),
  most: FULL === undefined ? 4_000 : Number.POSITIVE_INFINITY,
};
const READER = 'irc-reader';
const READERS = 4;

let operator: Operator;
let commands: LocalServer;
let queries: LocalServer;
let rooms: string[];
let commits = 0;

beforeAll(async () => {
  operator = await startOperator();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const opened = await openEventLog({ natsUrl: operator.natsUrl, replicas: 1, name: 'test', logger });
  rooms = await recordIrc(opened.log, { ...INPUT, reader: READER });
  commits = (await opened.log.bounds()).last;
  await opened.close();
  const { backend } = operator;
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  await vi.waitFor(
    async () => {
      const { rows } = await operator.db.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
      expect(rows[0].at).toBeGreaterThanOrEqual(commits);
    },
    { timeout: 300_000, interval: 100 },
  );
}, 600_000);
afterAll(() => operator?.stop());

class Hammer {
  reads = 0;
  readonly failures: string[] = [];
  #stopped = false;

  stop(): void {
    this.#stopped = true;
  }

  /** Reads rooms in turn, each from another place in them, and never accepts an older position than it has seen. */
  async read(): Promise<void> {
    const authorization = `Bearer ${await operator.backend.token(READER)}`;
    for (let seen = 0; !this.#stopped; this.reads++) {
      const room = rooms[this.reads % rooms.length];
      const path =
        this.reads % 5 === 0 ? 'me/conversations?limit=20' : `conversations/${room}/messages?limit=20`;
      const response = await fetch(`${queries.url}/v1/${path}`, { headers: { authorization } });
      const text = await response.text();
      const position = parsePosition(response.headers.get('parley-position') ?? '');
      if (response.status !== 200 || position === null)
        this.failures.push(`${path}: ${response.status} ${text}`);
      else if (position.sequence < seen) this.failures.push(`${path}: ${position.sequence} after ${seen}`);
      else seen = position.sequence;
    }
  }

  async talk(): Promise<void> {
    const token = await operator.backend.token(READER);
    for (let n = 0; !this.#stopped; n++) {
      const data = { conversationId: rooms[n % rooms.length], body: `meanwhile ${n}` };
      const reply = await sendCommand(commands, token, 'message.send', { key: uuidv7(), data });
      if (reply.status !== 200)
        this.failures.push(`message.send: ${reply.status} ${JSON.stringify(reply.body)}`);
    }
  }
}

async function exchangeOnce(...words: string[]): Promise<string> {
  const { code, output, told } = await operator.parley('rebuild', ...words, '--json');
  expect(code, told).toBe(0);
  const { switched, compared }: Partial<Rebuilt> = JSON.parse(output);
  for (const { table, missing, extra, different } of compared ?? []) {
    expect([table, missing + extra + different]).toEqual([table, 0]);
  }
  const { pauseMs, attempts, longestPauseMs, totalPauseMs, projectorPauseMs } = switched ?? expect.fail();
  const [pause, longest, all, projector] = [pauseMs, longestPauseMs, totalPauseMs, projectorPauseMs].map(
    Math.round,
  );
  return `${words.join(' ') || 'rebuild'}: readers waited ${pause} ms; ${attempts} attempts, ${longest} ms at most at once, ${all} ms in all; projector ${projector} ms`;
}

test(
  'with a whole IRC log and readers who never pause no read fails and none is older than one before, and all verifies',
  async () => {
    const hammer = new Hammer();
    const busy = Promise.all([...Array.from({ length: READERS }, () => hammer.read()), hammer.talk()]);
    const began = performance.now();
    const report: string[] = [];
    try {
      do {
        report.push(await exchangeOnce());
        report.push(await exchangeOnce('--rollback'));
        report.push(await exchangeOnce('--rollback'));
      } while (performance.now() - began < SECONDS * 1_000);
      const verified = await operator.parley('verify', '--json');
      expect(verified.code, verified.told).toBe(0);
    } finally {
      hammer.stop();
    }
    await busy;
    expect(hammer.failures.slice(0, 3)).toEqual([]);
    expect(hammer.reads).toBeGreaterThan(100);
    const seconds = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(
      `\n${commits} commits in ${rooms.length} rooms; ${hammer.reads} reads in ${seconds} s, 0 failed, 0 older\n${report.join('\n')}\n`,
    );
  },
  FULL === undefined ? 120_000 : 900_000,
);
