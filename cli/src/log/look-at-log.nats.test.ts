import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drafts, LogWriter, uuid } from './testing/log-writer.ts';
import { openTestLog, type TestLog } from './testing/open-test-log.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const room = uuid(1);
let place: TestLog;
let writer: LogWriter;

beforeAll(async () => {
  place = await openTestLog();
  writer = new LogWriter(place.log);
  await writer.commit(room, drafts.created('A room', 'ada'));
  for (let n = 1; n <= 30; n++) {
    const sent = Array.from({ length: 100 }, (_, k) => drafts.sent((n - 1) * 100 + k + 1));
    await writer.commit(room, ...sent);
  }
});

afterAll(() => place?.close());

function parley(...flags: string[]) {
  return spawn(process.execPath, [MAIN, ...flags, '--nats', place.url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(...flags: string[]): Promise<{ code: number; lines: string[]; notes: string }> {
  const child = parley(...flags);
  let text = '';
  let notes = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    notes += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, lines: text.split('\n').slice(0, -1), notes };
}

test('tail shows as many of the newest as it is told, for a person or as JSON, and ends', async () => {
  const shown = await run('tail', '--no-follow', '-n', '3');
  expect(shown).toMatchObject({ code: 0, notes: '' });
  expect(shown.lines).toHaveLength(3);
  expect(shown.lines.at(-1)).toMatch(/^ +31 .* message\.sent .* ada .*"message 3000"$/);
  const { lines } = await run('tail', '--no-follow', '--json', '--since', '1', '--type', 'message.*');
  expect(lines).toHaveLength(3_000);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ sequence: 2, body: 'message 1', conversationId: room });
});

test('tail goes on with what is appended until it is interrupted', async () => {
  const child = parley('tail', '-n', '1', '--json');
  const bodies: unknown[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    bodies.push(JSON.parse(line).body);
    if (bodies.length === 1) await writer.commit(room, drafts.sent(3_001, 'while it runs'));
    else child.kill('SIGINT');
  }
  expect(bodies).toEqual(['message 3000', 'while it runs']);
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(130);
});

test('who reads only the beginning of an output ends the command without an error', async () => {
  const child = parley('export', '--format', 'ndjson', '--to', '-');
  let notes = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    notes += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'exit');
  expect({ code, notes }).toEqual({ code: 0, notes: '' });
});

test('history, show and time-travel print their answer and nothing else', async () => {
  const history = await run('history', room, '--json', '-n', '2', '--type', 'message.sent');
  const [row] = history.lines.map((line) => JSON.parse(line));
  expect(history).toMatchObject({ code: 0, notes: '' });
  const shown = await run('show', row.messageId, '--conversation', room, '--json');
  expect(shown.code).toBe(0);
  expect(JSON.parse(shown.lines.join(''))).toMatchObject({ sequence: row.sequence });
  const past = await run('time-travel', room, '--at', 'v3', '--json');
  expect(JSON.parse(past.lines.join(''))).toMatchObject({
    conversation: { title: 'A room', messageCount: 2 },
  });
});

test.each([
  ['what the log does not hold', 1, ['show', '999999'], /not in the log/],
  ['a conversation that is not there', 1, ['history', uuid(404)], /holds no conversation/],
  ['a moment before it was created', 1, ['time-travel', room, '--at', '0'], /There was no conversation/],
  ['what is no id', 2, ['history', 'general'], /lower-case UUID/],
  ['what is no time', 2, ['tail', '--since', 'yesterday'], /10m/],
  ['a position of another log', 2, ['show', `${uuid(7)}:1`], /another log/],
  ['parquet on standard output', 2, ['export', '--format', 'parquet', '--to', '-'], /Only ndjson/],
])('%s ends with exit code %i and says so', async (_, code, flags, note) => {
  const ended = await run(...flags);
  expect(ended.notes).toMatch(note);
  expect(ended).toMatchObject({ code, lines: [] });
});

test('what only reads the log asks for no read model', async () => {
  const folder = join(place.dir, 'no-stack-here');
  await mkdir(folder);
  for (const args of [
    ['tail', '--no-follow', '-n', '1'],
    ['history', room, '-n', '1'],
    ['show', '1'],
    ['export', '--format', 'ndjson', '--to', join(folder, 'export')],
    ['archive', '--to', join(folder, 'archive')],
    ['archive', 'verify', '--from', join(folder, 'archive'), '--against-log'],
    ['analytics', 'list'],
  ]) {
    expect(await run(...args), args.join(' ')).toMatchObject({ code: 0 });
  }
  // Whoever gives both places to every command is not told off.
  expect(await run('tail', '--no-follow', '--postgres', 'postgres://127.0.0.1:1/none')).toMatchObject({
    code: 0,
  });
}, 120_000);

test('a log that is away is told at once, with what to do and no more', async () => {
  const nowhere = ['--nats', 'nats://127.0.0.1:1'];
  for (const args of [
    ['tail'],
    ['history', room],
    ['show', '1'],
    ['archive', '--to', 'none'],
    ['analytics', 'list'],
  ]) {
    const child = spawn(process.execPath, [MAIN, ...args, ...nowhere], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [[code], out, notes] = await Promise.all([
      once(child, 'close'),
      readAll(child.stdout),
      readAll(child.stderr),
    ]);
    expect([code, out, notes], args.join(' ')).toEqual([
      3,
      '',
      expect.stringMatching(/^\nNATS does not answer \(.*\): start it .* or correct --nats or NATS_URL\.\n$/),
    ]);
  }
}, 120_000);
