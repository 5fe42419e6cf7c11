import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImportTally } from '../import-tally.ts';
import { playSource } from '../play-source.ts';
import { openNdjson } from './ndjson-file.ts';
import { LONGEST_LINE_BYTES, type NumberedLine, readLines } from './read-lines.ts';

const SAMPLE = fileURLToPath(new URL('../../../data/ubuntu-irc-sample.ndjson.gz', import.meta.url));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-ndjson-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const at = '2024-03-01T08:00:00Z';
const line = (more: object): string => JSON.stringify({ room: 'tea', at, user: 'anna', text: 'hi', ...more });

/** What would be sent, in words, and what is left out. */
async function plan(file: string, { only = [] as string[], input = Readable.from([]) } = {}) {
  const users = new Map([['Ann Smith', 'anna']]);
  const source = await openNdjson(file, { users, owner: 'keeper', only, input });
  const tally = new ImportTally();
  const sent: string[] = [];
  await playSource({
    source,
    tally,
    inFlight: 4,
    keepUnread: true,
    played: () => {},
    signal: new AbortController().signal,
    async take({ actor, steps }, { script }) {
      for (const step of steps) {
        tally.step(script.conversation.type, step, 'planned');
        const body = step.type === 'message.send' ? `: ${step.data.body}` : '';
        sent.push(`${actor} ${step.type}${body}`);
      }
    },
  });
  return { tally, sent, skipped: tally.skipped.map(({ reason, first }) => `${first}: ${reason}`) };
}

async function planOf(lines: readonly string[], name = 'lines.ndjson') {
  const file = join(dir, name);
  const text = lines.join('\n');
  await writeFile(file, name.endsWith('.gz') ? gzipSync(text) : text);
  const { skipped, ...planned } = await plan(file);
  return { ...planned, skipped: skipped.map((each) => each.replace(`${file}:`, '')) };
}

describe('lines of NDJSON', () => {
  test('become a room, with its people as they come, speak, react and go', async () => {
    const { sent, skipped } = await planOf([
      line({ kind: 'join' }),
      line({ id: 7, reactions: [{ emoji: '👍', user: 'ben' }] }),
      line({ user: 'Ann Smith', text: 'me again', thread: '7' }),
      line({ kind: 'rename', user: undefined, nick: 'ben', newNick: 'benny' }),
      line({ user: 'benny', text: 'same one', replyTo: [99, 7] }),
      line({ user: undefined, kind: 'notice', text: 'the room says' }),
      line({ kind: 'leave' }),
    ]);
    expect(skipped).toEqual([]);
    expect(sent).toEqual([
      'keeper conversation.create',
      'keeper conversation.update',
      'anna conversation.join',
      'anna message.send: hi',
      'ben conversation.join',
      'ben message.react',
      'anna message.send: me again',
      'ben message.send: same one',
      'keeper message.send: the room says',
      'anna conversation.leave',
    ]);
  });

  test('may begin with a byte order mark and end as those of Windows', async () => {
    const { sent, skipped } = await planOf([`\uFEFF${line({})}\r`, `${line({ text: 'two' })}\r`]);
    expect(sent).toContain('anna message.send: two');
    expect(skipped).toEqual([]);
  });

  test('of two people let nobody else in, whatever they are said to do', async () => {
    const two = { room: 'dm', type: 'direct', members: ['anna', 'ben'] };
    const { sent, skipped } = await planOf([
      line(two),
      line({ room: 'dm', user: 'carl', kind: 'join' }),
      line({ room: 'dm', user: 'carl', text: 'boo' }),
    ]);
    expect(sent).toEqual(['anna conversation.create', 'anna message.send: hi']);
    expect(skipped).toEqual(['3: author is neither of a direct conversation']);
  });

  test('of a group and of two people are not public', async () => {
    const { sent } = await planOf([
      line({ room: 'g', type: 'group', members: ['ben'] }),
      line({ room: 'd', type: 'direct', members: ['anna', 'carl'], text: 'psst' }),
    ]);
    expect(sent.filter((each) => !each.startsWith('keeper')).toSorted()).toEqual([
      'anna conversation.create',
      'anna message.send: hi',
      'anna message.send: psst',
    ]);
  });

  test('that are bad are told with their number, and the others are taken', async () => {
    const { sent, skipped } = await planOf([
      '{"room":',
      line({ at: 'yesterday', room: 'other' }),
      line({}),
      'x'.repeat(LONGEST_LINE_BYTES + 1),
      '',
      line({ user: undefined }),
      line({ type: 'group' }),
      line({ user: 'x'.repeat(200) }),
      line({ text: 'still read' }),
      line({ at: undefined }),
      '[]',
    ]);
    expect(skipped.toSorted()).toEqual([
      '10: field "at" is missing',
      '11: not a JSON object',
      '1: not JSON',
      '2: field "at": Invalid ISO datetime',
      `4: longer than ${LONGEST_LINE_BYTES} bytes`,
      '6: no user',
      '7: type group in a room that began as channel',
      '8: user must be a user id, or be in the map of --users',
    ]);
    expect(sent.filter((each) => each.includes('send'))).toEqual([
      'anna message.send: hi',
      'anna message.send: still read',
    ]);
  });

  test('never make a room public whose first line cannot be read', async () => {
    const { sent, skipped } = await planOf([
      line({ type: 'secret' }),
      line({}),
      line({ room: 'd', type: 'direct' }),
      line({ room: 'd' }),
    ]);
    expect(sent).toEqual([]);
    expect(skipped).toHaveLength(3);
  });

  test('are read from a zipped file and from standard input', async () => {
    expect((await planOf([line({})], 'lines.ndjson.gz')).sent).toContain('anna message.send: hi');
    const input = Readable.from([Buffer.from(line({}).slice(0, 9)), Buffer.from(line({}).slice(9))]);
    expect((await plan('-', { input })).sent).toContain('anna message.send: hi');
  });

  test('that are none at all, or not there, are refused', async () => {
    await expect(planOf([])).rejects.toThrow(/there are no lines/);
    const rooms = join(dir, 'rooms.ndjson');
    await writeFile(rooms, ['tea', 'plans', 'tea'].map((room) => line({ room })).join('\n'));
    await expect(plan(rooms, { only: ['plans', 'nope'] })).rejects.toThrow(
      'There is no conversation nope in it; there are: tea, plans.',
    );
    await expect(plan(join(dir, 'absent.ndjson'))).rejects.toThrow(/there is no such file/);
    const broken = join(dir, 'broken.ndjson.gz');
    await writeFile(broken, 'not zipped');
    await expect(plan(broken)).rejects.toThrow(/broken\.ndjson\.gz: /);
  });

  test('of an IRC log are imported as they are', { timeout: 60_000 }, async () => {
    const { tally } = await plan(SAMPLE);
    expect(tally.items).toBe(28_300);
    expect(tally.complete).toBe(true);
    expect(tally.count('conversations', 'planned')).toBe(20);
    expect(tally.count('messages', 'planned')).toBeGreaterThan(24_000);
    const { sent } = await plan(SAMPLE, { only: ['ubuntu-2004-12-25-train-c'] });
    expect(sent.filter((each) => each === 'keeper conversation.create')).toHaveLength(1);
  });
});

test('lines are the same however the bytes arrive', async () => {
  const bytes = Buffer.from('ä\n\nb\r\n{}');
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => {
      return bytes.subarray(n * size, (n + 1) * size);
    });
    const lines: NumberedLine[] = [];
    for await (const line of readLines(Readable.from(chunks))) lines.push(line);
    expect(lines).toEqual([
      { number: 1, text: 'ä' },
      { number: 3, text: 'b\r' },
      { number: 4, text: '{}' },
    ]);
  }
});
