import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { UsageError } from '../../run-command.ts';
import type { Item } from '../item.ts';
import { LARGEST_FILE_BYTES } from './export-files.ts';
import { openExport } from './open-export.ts';
import { openSlackExport } from './slack-export.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-slack-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function zipped(name: string, files: Record<string, Buffer | string>): Promise<string> {
  const zip = new ZipFile();
  for (const [path, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), path);
  zip.end();
  const file = join(dir, name);
  await pipeline(zip.outputStream, createWriteStream(file));
  return file;
}

async function unpacked(name: string, files: Record<string, string>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name, path)), { recursive: true });
    await writeFile(join(dir, name, path), content);
  }
  return join(dir, name);
}

const options = { users: new Map([['U1', 'anna']]), owner: 'keeper', only: [] };
const say = (ts: string, text: string) => ({ type: 'message', ts: `${ts}.000000`, user: 'U1', text });
const files = {
  'users.json': JSON.stringify([
    { id: 'U1', name: 'anna' },
    { id: 'U2', profile: { display_name: 'Ben' } },
  ]),
  'channels.json': JSON.stringify([{ id: 'C1', name: 'general', members: ['U1'] }, { id: 'no id' }]),
  'dms.json': JSON.stringify([{ id: 'D1', members: ['U1', 'U1'] }]),
  'integration_logs.json': '[]',
  'general/2024-01-02.json': JSON.stringify([say('1704200002', 'third'), say('1704200001', 'second')]),
  'general/2024-01-01.json': JSON.stringify([say('1704100000', 'first')]),
  'gone/2024-01-01.json': '[]',
  'surprise.txt': '',
  'general/Thumbs.db': '',
};

async function readAll(path: string) {
  const source = await openSlackExport(path, options);
  const items: Item[] = [];
  try {
    for await (const { jobs, skipped } of source.rounds()) {
      items.push(...skipped);
      for (const job of jobs) for await (const item of job.items) items.push(item);
    }
    const texts = items.flatMap((item) => (item.kind === 'message' ? [item.text] : []));
    const reasons = items.flatMap((item) =>
      item.kind === 'skipped' ? [`${item.place}: ${item.reason}`] : [],
    );
    return { people: source.people, texts, reasons };
  } finally {
    await source.close();
  }
}

describe('a Slack export', () => {
  test.each([
    ['a zip file', () => zipped('whole.zip', files)],
    ['a folder', () => unpacked('whole', files)],
    [
      'a zip file of a folder',
      () =>
        zipped(
          'nested.zip',
          Object.fromEntries(Object.entries(files).map(([name, text]) => [`export/${name}`, text])),
        ),
    ],
  ])('is read from %s, day by day in the order of time, and what is not known is told', async (_, make) => {
    const { people, texts, reasons } = await readAll(await make());
    expect(people).toEqual([{ userId: 'slack-U2', displayName: 'Ben' }]);
    expect(texts).toEqual(['first', 'second', 'third']);
    expect(reasons).toEqual([
      'channels.json:1: field "id": must be an id of Slack',
      'D1: direct conversation that is not between two people',
      'gone: in none of channels.json, groups.json, mpims.json, dms.json',
      'surprise.txt: unknown file',
    ]);
  });

  test('is read with the marks that Windows leaves in it', async () => {
    const marked = Object.entries(files).map(([name, text]) => [
      name,
      `\uFEFF${text.replaceAll(',', ',\r\n')}`,
    ]);
    const { texts } = await readAll(await zipped('marked.zip', Object.fromEntries(marked)));
    expect(texts).toEqual(['first', 'second', 'third']);
  });

  test('never puts days into a conversation that might not be theirs: of two with one name neither is made', async () => {
    const groups = JSON.stringify([{ id: 'G1', name: 'general', members: ['U1'] }]);
    const { texts, reasons } = await readAll(await zipped('twice.zip', { ...files, 'groups.json': groups }));
    expect(texts).toEqual([]);
    expect(reasons).toContain('C1: another conversation is called general too');
    expect(reasons).toContain('G1: another conversation is called general too');
  });

  test('is read in part when conversations are named, by name or id, and refused when none is called so', async () => {
    const path = await zipped('part.zip', files);
    const part = await openSlackExport(path, { ...options, only: ['C1'] });
    expect(part.people).toEqual([]);
    await part.close();
    await expect(openSlackExport(path, { ...options, only: ['random'] })).rejects.toThrow(
      'There is no conversation random in it; there are: general, D1.',
    );
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'broken JSON',
      { ...files, 'general/2024-01-02.json': '[{' },
      /whole.*general\/2024-01-02\.json: .*JSON/,
    ],
    [
      'a day that is no list',
      { ...files, 'general/2024-01-02.json': '{}' },
      /general\/2024-01-02\.json: must be a list/,
    ],
    ['no list of users', { 'channels.json': '[]' }, /there is no users\.json/],
  ])('with %s is refused with the name of the file', async (name, broken, message) => {
    const read = readAll(await zipped(`whole ${name}.zip`, broken));
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(message);
  });
});

describe('a zip file', () => {
  test('that is none, or is not there, is refused', async () => {
    const file = join(dir, 'text.zip');
    await writeFile(file, 'no zip');
    await expect(openExport(file)).rejects.toThrow(/text\.zip: no readable zip file/);
    await expect(openExport(join(dir, 'absent.zip'))).rejects.toThrow(/there is no such file or folder/);
  });

  test('with a name that leads out of it is refused as a whole', async () => {
    const file = await zipped('slip.zip', { 'xx/users.json': '[]' });
    const bytes = await readFile(file);
    await writeFile(file, Buffer.from(bytes.toString('latin1').replaceAll('xx/', '../'), 'latin1'));
    await expect(openExport(file)).rejects.toThrow(/no readable zip file: invalid relative path/);
  });

  /** As if a file of it said that it unpacks to so many bytes. */
  async function claiming(name: string, content: Buffer, bytes: number): Promise<string> {
    const file = await zipped(name, { 'users.json': content });
    const zip = await readFile(file);
    // The unpacked size in the entry of the central directory.
    zip.writeUInt32LE(bytes, zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
    await writeFile(file, zip);
    return file;
  }

  test.each<[string, number, RegExp]>([
    [
      'more than is allowed',
      LARGEST_FILE_BYTES + 1,
      /users\.json: unpacked it has \d+ bytes; at most 128 MB/,
    ],
    ['more than it says', 100, /users\.json: cannot be read: /],
    ['less than it says', 2_000_000, /users\.json: cannot be read: /],
  ])('is not read where a file unpacks to %s', async (name, bytes, message) => {
    const opened = await openExport(await claiming(`${name}.zip`, Buffer.alloc(1_000_000), bytes));
    const read = opened.read('users.json');
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(message);
    await opened.close();
  });
});
