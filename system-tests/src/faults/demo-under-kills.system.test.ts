import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type DemoReport, type Progress, runDemo } from '@parley/cli';
import { type Stack, startStack } from '@parley/deploy';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'parley-kills-'));
const ROOMS = 3;
const LINES_OF_A_ROOM = 250;
let stack: Stack;
let gaveUp: Error | undefined;

beforeAll(async () => {
  const onFailure = (error: Error): void => {
    gaveUp = error;
  };
  stack = await startStack({ root, dir: join(dir, 'stack'), limits: 'off', onFailure });
});
afterAll(async () => {
  await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The beginnings of some rooms under names of their own, so that each run starts with rooms that do not exist yet. */
function shortInput(run: string): string {
  const sample = gunzipSync(readFileSync(join(root, 'cli/data/ubuntu-irc-sample.ndjson.gz'))).toString();
  const taken = new Map<string, string[]>();
  for (const line of sample.split('\n')) {
    if (line === '') continue;
    const parsed = JSON.parse(line) as { room: string };
    if (!taken.has(parsed.room) && taken.size === ROOMS) break;
    const lines = taken.get(parsed.room) ?? [];
    taken.set(parsed.room, lines);
    if (lines.length < LINES_OF_A_ROOM)
      lines.push(JSON.stringify({ ...parsed, room: `${run}-${parsed.room}` }));
  }
  const file = join(dir, `${run}.ndjson`);
  writeFileSync(file, `${[...taken.values()].flat().join('\n')}\n`);
  return file;
}

/** Kills once, when a third of the first run's lines is played. */
function killDuringPlay(name: string): { progress: Progress; killed: () => boolean } {
  let killed = false;
  const progress: Progress = {
    say: () => undefined,
    warn: () => undefined,
    start: (title, total) => {
      let played = 0;
      return {
        advance() {
          if (title !== 'play' || killed || ++played < total / 3) return;
          process.kill(stack.pids()[name] ?? 0, 'SIGKILL');
          killed = true;
        },
        expect: () => undefined,
        stop: () => undefined,
      };
    },
  };
  return { progress, killed: () => killed };
}

test.each([
  'command-api',
  'projector',
  'read-api',
  'realtime-gateway',
  'notifier',
  'issuer',
  'nats',
  'postgres',
  'redis',
])('the demo agrees in everything although %s is killed in the middle of it', async (name) => {
  if (gaveUp) throw gaveUp;
  const before = stack.pids()[name];
  const { progress, killed } = killDuringPlay(name);
  const report: DemoReport = await runDemo({ addresses: stack.addresses, input: shortInput(name), progress });
  expect(killed()).toBe(true);
  expect(stack.pids()[name]).not.toBe(before);
  expect(report.checks.filter((check) => check.differences > 0 || check.compared === 0)).toEqual([]);
  expect(report.clean).toBe(true);
  expect(report.first.messages).toBeGreaterThan(ROOMS * 100);
  expect(report.listeners.cuts).toBeGreaterThan(0);
});
