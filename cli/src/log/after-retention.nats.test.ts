import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conversationSubject } from '@parley/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runDemo } from '../demo/run-demo.ts';
import { drafts, LogWriter, uuid } from './testing/log-writer.ts';
import { openTestLog, type TestLog } from './testing/open-test-log.ts';
import { removeOld } from './testing/remove-old.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const room = uuid(1);
let place: TestLog;

/** Commits 1 to 1,500 are gone, 1,501 to 1,503 are left. */
beforeAll(async () => {
  place = await openTestLog();
  const writer = new LogWriter(place.log);
  await writer.commit(room, drafts.created('A room', 'ada'));
  for (let n = 1; n <= 1_502; n++) await writer.commit(room, drafts.sent(n));
  await removeOld(place.url, 1_500, conversationSubject(room));
}, 60_000);
afterAll(() => place?.close());

function parley(...flags: string[]): Promise<{ code: unknown; out: string; notes: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...flags, '--nats', place.url], (error, out, notes) =>
      resolve({ code: error?.code ?? 0, out, notes }),
    );
  });
}

test('tail says where the log begins when more was asked for, and only then', async () => {
  const json = ['--no-follow', '--json'];
  for (const since of ['5', '1d']) {
    const { code, out, notes } = await parley('tail', '--since', since, ...json);
    expect(notes).toContain('The log begins at 1,501: what was before was removed by retention.');
    expect([code, out.trimEnd().split('\n').length]).toEqual([0, 3]);
  }
  expect(await parley('tail', '--since', '1502', ...json)).toMatchObject({ code: 0, notes: '' });
  expect(await parley('tail', ...json)).toMatchObject({ code: 0, notes: '' });
});

test('time-travel to any moment of a conversation whose beginning is gone says so and guesses nothing', async () => {
  for (const at of ['v5', 'v1503', '5', '2020-01-01', '1503']) {
    expect(await parley('time-travel', room, '--at', at)).toMatchObject({
      code: 3,
      out: '',
      notes: expect.stringMatching(
        /does not hold all of this conversation: it begins at version 1,501, with commit 1,501\. .* archive/,
      ),
    });
  }
});

test('an export says that what retention removed is not in it, whenever it is gone on with', async () => {
  const dir = join(place.dir, 'export');
  const warning = 'Events before commit 1,501 were removed by retention and are not in this export';
  const words = ['export', '--format', 'ndjson', '--to'];
  for (const run of ['first', 'second']) {
    expect(await parley(...words, dir), run).toMatchObject({
      code: 0,
      notes: expect.stringContaining(warning),
    });
    expect(JSON.parse(readFileSync(join(dir, 'export.json'), 'utf8'))).toMatchObject({ logBegins: 1_501 });
  }
  const output = await parley(...words, '-');
  expect(output.notes).toContain(warning);
  expect(output.out.trimEnd().split('\n')).toHaveLength(3);
  const wanted = await parley(...words, join(place.dir, 'wanted'), '--after', '1501', '--json');
  expect(wanted.notes).not.toContain('retention');
  expect(JSON.parse(wanted.out)).toMatchObject({ events: 2, after: 1_501, logBegins: 1_501 });
});

test('a new archive is not begun in the middle of the log unless that is asked for, and then says so', async () => {
  const dir = join(place.dir, 'archive');
  expect(await parley('archive', '--to', dir)).toMatchObject({
    code: 1,
    notes: expect.stringContaining('commits 1 to 1,500 are only in an earlier archive. Go on in that folder'),
  });
  expect(await parley('archive', '--to', dir, '--without-beginning')).toMatchObject({ code: 0 });
  expect(await parley('archive', '--to', dir)).toMatchObject({ code: 0 });
  expect(await parley('archive', 'verify', '--from', dir)).toMatchObject({
    code: 0,
    out: expect.stringContaining('as it was written, but it begins at 1,501, not at 1'),
  });
});

test('the demo is refused before anything is sent', async () => {
  const unused = 'http://127.0.0.1:1';
  const addresses = {
    ...{ issuer: unused, commandApi: unused, readApi: unused, gateway: unused, analytics: unused },
    ...{ nats: place.url, postgres: unused, redis: unused, docs: unused, queryDocs: unused },
  };
  await expect(runDemo({ addresses })).rejects.toThrow('npm start -- --reset');
});
