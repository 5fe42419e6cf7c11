import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOG_STREAM } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { type CommitRecord, createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { silentProgress } from '../progress.ts';
import { openArchive } from './archive-source.ts';
import { compareWithLog } from './compare-with-log.ts';
import { epochFolder, readManifest } from './manifest.ts';
import { verifyArchive } from './verify-archive.ts';
import { writeArchive } from './write-archive.ts';

const PARLEY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const logger = createLogger({ name: 'test', level: 'silent' });
const quiet = { progress: silentProgress, signal: new AbortController().signal };
const limits = { commits: 10, bytes: 1e6 };
const root = mkdtempSync(join(tmpdir(), 'parley-archive-nats-'));
let runs = 0;
let nats: NatsServer;
let opened: OpenLog;
let dir: string;

async function open(): Promise<OpenLog> {
  return openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
}

beforeEach(async () => {
  dir = join(root, String(++runs), 'archive');
  nats = await startNats({ dir: join(root, String(runs), 'nats') });
  opened = await open();
});
afterEach(async () => {
  await opened.close();
  await nats.stop();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function append(count: number, size = 20): Promise<void> {
  const { last } = await opened.log.bounds();
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      opened.log.append({
        subject: `evt.01.conv.c-${(last + index) % 3}`,
        commitId: `${opened.log.epoch}-${last + index}`,
        payload: Buffer.from(JSON.stringify([{ body: `ü\n${'x'.repeat(size)}`, index: last + index }])),
        expectedLastSequence: 'any',
      }),
    ),
  );
}

/** As an operator's `nats stream rmm` does. */
async function remove(...sequences: number[]): Promise<void> {
  for (const seq of sequences) {
    opened.signals.send(`$JS.API.STREAM.MSG.DELETE.${LOG_STREAM}`, Buffer.from(JSON.stringify({ seq })));
  }
  await vi.waitFor(async () => {
    const left = await Promise.all(sequences.map((sequence) => opened.log.at(sequence)));
    expect(left.every((record) => record === null)).toBe(true);
  });
}

const shown = ({ sequence, subject, commitId, payload }: CommitRecord) =>
  [sequence, subject, commitId, Buffer.from(payload).toString('utf8')] as const;

async function logged() {
  const { first, last } = await opened.log.bounds();
  const records: CommitRecord[] = [];
  for (let sequence = first; sequence <= last; sequence++) {
    const record = await opened.log.at(sequence);
    if (record) records.push(record);
  }
  return records.map(shown);
}

async function archived(epoch = opened.log.epoch) {
  const { first, last, read } = await openArchive(dir, epoch);
  const records: CommitRecord[] = [];
  for await (const batch of read({ after: first - 1, until: last })) records.push(...batch);
  return records.map(shown);
}

const write = (more: { withoutBeginning?: boolean } = {}) =>
  writeArchive({ log: opened.log, dir, limits, ...more, ...quiet });

async function clean(): Promise<void> {
  expect((await verifyArchive(dir, quiet)).flatMap(({ faults }) => faults)).toEqual([]);
}

function parley(...args: string[]) {
  const child = spawn(process.execPath, [
    PARLEY,
    ...args,
    '--nats',
    nats.url,
    '--postgres',
    'postgres://unused',
  ]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

describe('an archive of a real log', () => {
  test('holds the same commits, with deleted ones left out wherever they were', async () => {
    await append(45);
    await remove(1, 2, 10, 11, 20, 21, 22, 44, 45);
    await expect(write()).rejects.toThrow(
      'The log begins at 3: commits 1 to 2 are only in an earlier archive. Go on in that folder',
    );
    expect(await write({ withoutBeginning: true })).toMatchObject({ first: 3, last: 43, commits: 36 });
    expect(await archived()).toEqual(await logged());
    await append(5);
    expect(await write()).toMatchObject({ first: 3, last: 50, commits: 5 });
    expect(await archived()).toEqual(await logged());
    await clean();
    expect(await compareWithLog(opened.log, dir, quiet)).toMatchObject({ compared: 41, differing: 0 });
  });

  test('keeps what the log removed later, and compares what is left', async () => {
    await append(30);
    await write();
    const whole = await archived();
    await remove(1, 2, 3, 15, 16, 29, 30);
    await append(2);
    await write();
    expect((await archived()).slice(0, 30)).toEqual(whole);
    expect(await compareWithLog(opened.log, dir, quiet)).toMatchObject({ compared: 25, differing: 0 });
  });

  test('is not extended over commits that were removed before they were archived', async () => {
    await append(10);
    await write();
    await append(10);
    await remove(...Array.from({ length: 15 }, (_, index) => index + 1));
    await expect(write()).rejects.toThrow('The archive ends at 10, the log begins at 16');
  });

  test('of a log that was made anew begins a folder of its own and leaves the other as it is', async () => {
    await append(25);
    await write();
    const before = { epoch: opened.log.epoch, commits: await archived() };
    opened.signals.send(`$JS.API.STREAM.DELETE.${LOG_STREAM}`, Buffer.alloc(0));
    await vi.waitFor(() => expect(opened.log.bounds()).rejects.toThrow('deleted'));
    await expect(write()).rejects.toThrow('deleted');
    await opened.close();
    opened = await open();
    await append(7);
    expect(await write()).toMatchObject({ first: 1, last: 7, commits: 7 });
    expect((await readdir(dir)).sort()).toEqual([before.epoch, opened.log.epoch].sort());
    expect(await archived(before.epoch)).toEqual(before.commits);
    expect(await archived()).toEqual(await logged());
    await clean();
  });
});

describe('parley archive', () => {
  test('killed at any moment leaves nothing that is believed wrongly, and the next run goes on', async () => {
    await append(3_000, 2_000);
    const folder = epochFolder(dir, opened.log.epoch);
    const segments = async () => (await readManifest(folder).catch(() => null))?.segments.length ?? 0;
    for (const atLeast of [1, 20, 40]) {
      const { child, ended } = parley('archive', '--to', dir, '--segment-commits', '10');
      await vi.waitFor(async () => expect(await segments()).toBeGreaterThanOrEqual(atLeast), {
        timeout: 20_000,
        interval: 1,
      });
      child.kill('SIGKILL');
      expect(await ended).toMatchObject({ code: null });
      expect(await segments()).toBeLessThan(300);
      await clean();
    }
    // What a kill between a segment and the manifest, or within one, leaves.
    await writeFile(join(folder, 'commits.tmp'), 'half');
    const end = (await openArchive(dir, opened.log.epoch)).last;
    const name = `${String(end + 1).padStart(12, '0')}-${String(end + 7).padStart(12, '0')}.ndjson.gz`;
    await writeFile(join(folder, name), 'half');
    await clean();
    const { code, out } = await parley('archive', '--to', dir, '--segment-commits', '25', '--json').ended;
    expect({ code, ...JSON.parse(out) }).toMatchObject({
      code: 0,
      first: 1,
      last: 3_000,
      commits: 3_000 - end,
    });
    await clean();
    expect(await archived()).toEqual(await logged());
    const files = await readdir(folder);
    expect(files.filter((file) => file.includes('tmp') || file.includes('lock') || file === name)).toEqual(
      [],
    );
  }, 120_000);

  test('is refused beside another run, and takes the lock of one that is gone', async () => {
    await append(3);
    await write();
    const lock = join(epochFolder(dir, opened.log.epoch), 'archive.lock');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
    const refused = await parley('archive', '--to', dir).ended;
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining(`Process ${process.pid} on`) });
    expect(await readFile(lock, 'utf8')).toContain(String(process.pid));
    const gone = parley('--help');
    await gone.ended;
    await writeFile(lock, JSON.stringify({ pid: gone.child.pid, host: hostname() }));
    expect(await parley('archive', '--to', dir).ended).toMatchObject({ code: 0 });
  });

  test('says by its exit code what it found', async () => {
    await append(30);
    expect(await parley('archive').ended).toMatchObject({
      code: 2,
      err: expect.stringContaining('--to DIR'),
    });
    expect(await parley('archive', '--to', dir, '--segment-bytes', 'big').ended).toMatchObject({ code: 2 });
    expect(await parley('archive', 'verify').ended).toMatchObject({ code: 2 });
    expect(await parley('archive', 'verify', '--from', dir, '--what').ended).toMatchObject({ code: 2 });
    expect(await parley('archive', 'verify', '--from', dir).ended).toMatchObject({ code: 3 });
    expect(await parley('archive', '--to', dir, '--segment-commits', '10').ended).toMatchObject({
      code: 0,
      out: expect.stringContaining('Archived 30 commits in 3 segments'),
    });
    const verified = await parley('archive', 'verify', '--from', dir, '--against-log', '--json').ended;
    expect(verified).toMatchObject({ code: 0 });
    expect(JSON.parse(verified.out)).toMatchObject({
      clean: true,
      log: { compared: 30 },
      epochs: [{ last: 30 }],
    });
    const [segment = ''] = await readdir(epochFolder(dir, opened.log.epoch));
    await writeFile(join(epochFolder(dir, opened.log.epoch), segment), 'other');
    expect(await parley('archive', 'verify', '--from', dir, '--against-log').ended).toMatchObject({
      code: 1,
      out: expect.stringContaining(`${segment}: it has 5 bytes`),
    });
  }, 60_000);
});
