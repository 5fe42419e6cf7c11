import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  formatPosition,
  type InboxPage,
  type MembersPage,
  type MessageView,
  type NotificationsPage,
  type UnreadView,
} from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { createLogger, openEventLog } from '@parley/runtime';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { type Backend, startBackend } from '../testing/backend.ts';

const PARLEY = join(import.meta.dirname, '../../../cli/dist/main.js');
const TOKEN_PROGRAM = `
const [url, sub] = process.argv.slice(2);
const body = JSON.stringify({ sub, roles: [], segments: [], device: 'import', ttlSeconds: 3600 });
const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
console.log((await answer.json()).token);
`;

let dir: string;
let backend: Backend;
let commands: LocalServer;
let queries: LocalServer;
let opened: Awaited<ReturnType<typeof openEventLog>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-import-'));
  backend = await startBackend();
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  await writeFile(join(dir, 'token.mjs'), TOKEN_PROGRAM);
  await writeFile(join(dir, 'users.json'), JSON.stringify({ UANN: 'ann', UBEN: 'ben' }));
  const logger = createLogger({ name: 'test', level: 'silent' });
  opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 1, name: 'test', logger });
});
afterAll(async () => {
  await opened?.close();
  await backend?.stop();
  await rm(dir, { recursive: true, force: true });
});

const head = async (): Promise<number> => (await opened.log.bounds()).last;

async function read<T>(user: string, path: string): Promise<T> {
  const response = await fetch(`${queries.url}/v1/${path}`, {
    headers: {
      authorization: `Bearer ${await backend.token(user)}`,
      'parley-min-position': formatPosition(opened.log.epoch, await head()),
    },
  });
  const answer = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer as T;
}

/** The one conversation of that title, or the only direct one. */
async function conversationOf(user: string, title: string | null) {
  const { items } = await read<InboxPage>(user, 'me/conversations?filter=all');
  const found = items.filter(({ conversation }) => conversation.title === title);
  expect(found, JSON.stringify(items)).toHaveLength(1);
  return found[0]?.conversation ?? expect.fail();
}

async function messagesOf(user: string, conversationId: string): Promise<MessageView[]> {
  const all: MessageView[] = [];
  for (;;) {
    const after = all.at(-1)?.ordinal ?? 0;
    const path = `conversations/${conversationId}/messages?after=${after}&limit=200`;
    const { items } = await read<{ items: MessageView[] }>(user, path);
    if (items.length === 0) return all;
    all.push(...items);
  }
}

async function threadOf(user: string, { conversationId, messageId }: MessageView): Promise<MessageView[]> {
  const path = `conversations/${conversationId}/messages/${messageId}/thread`;
  return (await read<{ items: MessageView[] }>(user, path)).items;
}

async function membersOf(user: string, conversationId: string): Promise<Record<string, string>> {
  const { items } = await read<MembersPage>(user, `conversations/${conversationId}/members`);
  return Object.fromEntries(items.map(({ userId, role }) => [userId, role]));
}

interface Outcome {
  code: number;
  report: {
    made: Record<string, number>;
    present: Record<string, number>;
    skipped: { reason: string; loss: boolean; first: string }[];
    refusals: unknown[];
  };
}

function parley(...args: string[]): { child: ChildProcess; done: Promise<Outcome> } {
  return parleyAs(`${process.execPath} ${join(dir, 'token.mjs')} ${backend.issuer.url}/token`, args);
}

function parleyAs(token: string, args: readonly string[]): { child: ChildProcess; done: Promise<Outcome> } {
  const flags = ['--api', commands.url, '--token-command', token, '--json'];
  const child = spawn(process.execPath, [PARLEY, 'import', ...args, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  const done = once(child, 'close').then(([code]) => ({
    code: code as number,
    report: output === '' ? null : JSON.parse(output),
  }));
  return { child, done };
}

async function zipped(name: string, files: Record<string, unknown>): Promise<string> {
  const zip = new ZipFile();
  for (const [path, value] of Object.entries(files)) zip.addBuffer(Buffer.from(JSON.stringify(value)), path);
  zip.end();
  const file = join(dir, name);
  await pipeline(zip.outputStream, createWriteStream(file));
  return file;
}

const users = [
  { id: 'UANN', name: 'ann', profile: { display_name: 'Ann' } },
  { id: 'UBEN', name: 'ben', profile: { display_name: 'Ben' } },
  { id: 'UCID', name: 'cid', deleted: true, profile: { real_name: 'Cid Gone' } },
  { id: 'UDEPLOY', name: 'deploy', is_bot: true, profile: { real_name: 'Deploy', bot_id: 'BDEPLOY' } },
];
const message = (ts: string, user: string, text: string, more: object = {}) => {
  return { type: 'message', ts: `${ts}.000100`, user, text, ...more };
};

const general = {
  '2024-03-01.json': [
    message('1709280000', 'UANN', '<@UANN> has joined the channel', { subtype: 'channel_join' }),
    message('1709280000', 'UBEN', '<@UBEN> has joined the channel', { subtype: 'channel_join' }),
    message('1709280001', 'UCID', 'before I go &lt;3', { edited: { user: 'UCID', ts: '1709280900.000000' } }),
    message(
      '1709280002',
      'UANN',
      'hello <@UBEN>, see <https://example.com/a?b=1&amp;c=2|this> in <#CMORE|more>',
      {
        reactions: [{ name: 'wave', users: ['UBEN', 'UANN'], count: 2 }],
        thread_ts: '1709280002.000100',
        reply_count: 2,
      },
    ),
    message('1709280004', 'UCID', 'left', { subtype: 'channel_leave' }),
    message('1709280003', 'UBEN', 'a reply', { thread_ts: '1709280002.000100' }),
  ],
  '2024-03-02.json': [
    message('1709366400', 'UBEN', 'waves', { subtype: 'me_message' }),
    message('1709366401', 'UANN', 'and this for all', {
      subtype: 'thread_broadcast',
      thread_ts: '1709280002.000100',
    }),
    { type: 'message', subtype: 'bot_message', ts: '1709366402.000100', bot_id: 'BDEPLOY', text: 'deployed' },
    {
      type: 'message',
      subtype: 'bot_message',
      ts: '1709366403.000100',
      bot_id: 'BHOOK',
      username: 'Hook',
      text: '',
    },
    {
      type: 'message',
      subtype: 'bot_message',
      ts: '1709366404.000100',
      bot_id: 'BHOOK',
      username: 'Hook',
      text: 'hooked',
    },
    message('1709366405', 'UANN', 'the plan', {
      files: [{ name: 'plan.pdf', title: 'Plan', permalink: 'https://files.example.com/plan' }],
    }),
    message('1709366406', 'USLACKBOT', 'This message was deleted.', {
      subtype: 'tombstone',
      thread_ts: '1709366406.000100',
    }),
    message('1709366407', 'UBEN', 'still here', { thread_ts: '1709366406.000100' }),
    message('1709366408', 'UANN', 'no root', { thread_ts: '1600000000.000100' }),
    message('1709366409', 'UANN', 'set the channel topic: tea', { subtype: 'channel_topic', topic: 'tea' }),
    message('1709366410', 'UANN', 'x'.repeat(10_500)),
    message('1709366411', 'UANN', '', { subtype: 'mystery' }),
  ],
};

test('a Slack export becomes conversations with their people, threads, reactions and links, and says what it left out', async () => {
  const days = Object.entries(general).map(([day, messages]) => [`general/${day}`, messages]);
  const file = await zipped('kinds.zip', {
    'users.json': users,
    'channels.json': [
      {
        id: 'CGEN',
        name: 'general',
        creator: 'UANN',
        members: ['UANN', 'UBEN'],
        purpose: { value: 'All of us' },
      },
      { id: 'COLD', name: 'old', creator: 'UCID', members: ['UANN'], is_archived: true },
    ],
    'groups.json': [{ id: 'GSEC', name: 'secret', creator: 'UCID', members: ['UANN', 'UCID'] }],
    'dms.json': [{ id: 'DAB', members: ['UANN', 'UBEN'] }],
    'mpims.json': [{ id: 'GMP', name: 'mpdm-ann--ben--cid-1', members: ['UANN', 'UBEN', 'UCID'] }],
    'integration_logs.json': [],
    'secret/2024-03-01.json': [message('1709280000', 'UCID', 'a secret')],
    'DAB/2024-03-01.json': [message('1709280000', 'UBEN', 'only you')],
    'old/2024-03-01.json': [message('1709280000', 'UCID', 'closed soon')],
    ...Object.fromEntries(days),
  });
  const args = ['slack', file, '--users', join(dir, 'users.json')] as const;
  const first = await parley(...args).done;
  expect(first.report).toMatchObject({
    made: { conversations: 5, messages: 14, replies: 3, reactions: 2 },
    present: { messages: 0 },
    refusals: [],
  });
  expect(first.report.skipped).toEqual([
    { reason: 'nothing to say', count: 1, loss: false, first: 'general/2024-03-02.json:1709366403.000100' },
    { reason: 'subtype mystery', count: 1, loss: true, first: 'general/2024-03-02.json:1709366411.000100' },
  ]);
  expect(first.code).toBe(1);

  const { id: conversationId, ...room } = await conversationOf('ann', 'general');
  expect(room).toMatchObject({ type: 'channel', description: 'All of us', memberCount: 3 });
  expect(await membersOf('ann', conversationId)).toEqual({
    'parley-import': 'owner',
    ann: 'owner',
    ben: 'member',
  });
  const said = await messagesOf('ann', conversationId);
  const imported = (id: string, at: string, more: object = {}) => ({
    imported: { from: 'slack', id: `${id}.000100`, at, ...more },
  });
  expect(said.filter(({ threadId }) => threadId === null).map((each) => [each.senderId, each.body])).toEqual([
    ['slack-UCID', 'before I go <3'],
    ['ann', 'hello <@ben>, see this (https://example.com/a?b=1&c=2) in #more'],
    ['ben', 'waves'],
    ['slack-UDEPLOY', 'deployed'],
    ['slack-BHOOK', 'hooked'],
    ['ann', 'the plan\n[Plan] https://files.example.com/plan'],
    ['slack-USLACKBOT', null],
    ['ann', 'no root'],
    ['ann', 'set the channel topic: tea'],
    ['ann', 'x'.repeat(10_000)],
    ['ann', 'x'.repeat(500)],
  ]);
  const [edited, root] = said;
  expect(edited?.metadata).toEqual(
    imported('1709280001', '2024-03-01T08:00:01.000Z', { edited: '2024-03-01T08:15:00.000Z' }),
  );
  expect(root).toMatchObject({
    metadata: imported('1709280002', '2024-03-01T08:00:02.000Z'),
    mentions: { users: ['ben'] },
    reactions: [{ emoji: ':wave:', count: 2, mine: true }],
    thread: { count: 2 },
  });
  expect(said.find(({ body }) => body === 'waves')?.metadata).toMatchObject({
    imported: { kind: 'me_message' },
  });
  const replies = root ? await threadOf('ann', root) : [];
  expect(replies.map(({ senderId, body }) => [senderId, body])).toEqual([
    ['ben', 'a reply'],
    ['ann', 'and this for all'],
  ]);
  const gone = said.find(({ senderId }) => senderId === 'slack-USLACKBOT');
  expect(gone?.deleted).not.toBeNull();
  expect(gone?.thread).toMatchObject({ count: 1 });

  const secret = await conversationOf('slack-UCID', 'secret');
  expect(secret.type).toBe('group');
  expect(await membersOf('ann', secret.id)).toEqual({
    'parley-import': 'owner',
    ann: 'member',
    'slack-UCID': 'owner',
  });
  const direct = await conversationOf('ben', null);
  expect(direct.type).toBe('direct');
  expect((await messagesOf('ann', direct.id)).map(({ body }) => body)).toEqual(['only you']);
  expect(await conversationOf('ann', 'old')).toMatchObject({ archived: true });
  expect(await conversationOf('ben', 'mpdm-ann--ben--cid-1')).toMatchObject({
    type: 'group',
    memberCount: 4,
  });

  const before = await head();
  const second = await parley(...args).done;
  expect(second.report).toMatchObject({
    made: { conversations: 0, people: 0, messages: 0, replies: 0, reactions: 0, other: 0 },
    present: { conversations: 5, messages: 14, replies: 3, reactions: 2 },
    refusals: [],
  });
  expect(second.code).toBe(1);
  expect(await head()).toBe(before);
});

test('what is imported counts as read by those who are in, again after a longer export, unless it is kept unread', async () => {
  const thread_ts = '1709280000.000100';
  const first = [
    message('1709280000', 'UDAN', 'who is in?', { thread_ts, reply_count: 2 }),
    message('1709280001', 'UEVA', 'I am, <@UDAN>', { thread_ts }),
    message('1709280002', 'UFAY', 'so am I', { thread_ts }),
    message('1709280003', 'UEVA', 'and <@UDAN>, <@UFAY>?'),
    message('1709280004', 'UDAN', '<!channel> see you', { reactions: [{ name: 'wave', users: ['UEVA'] }] }),
  ];
  const second = [
    message('1709366400', 'UEVA', 'me too', { thread_ts }),
    message('1709366401', 'UEVA', 'bring tea, <@UDAN>'),
  ];
  const lists = {
    'users.json': ['UDAN', 'UEVA', 'UFAY', 'UGIL'].map((id) => ({ id, name: id })),
    'groups.json': [{ id: 'GTRIP', name: 'trip', members: ['UDAN', 'UEVA', 'UFAY', 'UGIL'] }],
    'trip/2024-03-01.json': first,
  };
  const short = await zipped('short.zip', lists);
  const long = await zipped('longer.zip', { ...lists, 'trip/2024-03-02.json': second });
  const badgeOf = async (user: string): Promise<unknown[]> => {
    const { total, mentions, threads } = await read<UnreadView>(user, 'me/unread');
    const { items } = await read<NotificationsPage>(user, 'me/notifications?unread=true');
    return [total, mentions, threads, items.map(({ kind }) => kind)];
  };
  const everybody = ['slack-UDAN', 'slack-UEVA', 'slack-UFAY', 'slack-UGIL', 'parley-import'];
  const expectAllRead = async (): Promise<void> => {
    for (const user of everybody) expect([user, ...(await badgeOf(user))]).toEqual([user, 0, 0, 0, []]);
  };
  expect((await parley('slack', short).done).code).toBe(0);
  await expectAllRead();
  expect((await parley('slack', long, '--keep-unread').done).code).toBe(0);
  expect(await badgeOf('slack-UDAN')).toEqual([1, 1, 1, ['mention', 'thread']]);
  expect((await parley('slack', long).done).report.made).toMatchObject({ messages: 0, other: 0 });
  await expectAllRead();
  const before = await head();
  expect((await parley('slack', long).done).code).toBe(0);
  expect(await head()).toBe(before);
});

const ROOMS = 4;
const MESSAGES = 250;

test('an import killed in the middle is finished by the same command, and nothing is there twice', async () => {
  const rooms = Array.from({ length: ROOMS }, (_, n) => `long-${n}`);
  const day = (room: number) =>
    Array.from({ length: MESSAGES }, (_, n) => {
      const thread = n % 10 === 0 ? { reply_count: 1 } : n % 10 === 5 ? { thread_ts: tsOf(n - 5) } : {};
      const reactions = n % 7 === 0 ? [{ name: 'tea', users: ['UANN', 'UBEN'], count: 2 }] : [];
      const user = ['UANN', 'UBEN', 'UCID'][n % 3] ?? '';
      return { type: 'message', ts: tsOf(n), user, text: `message ${room}/${n}`, ...thread, reactions };
    });
  const tsOf = (n: number): string => `${1_709_280_000 + n}.000100`;
  const file = await zipped('long.zip', {
    'users.json': users,
    'channels.json': rooms.map((name, n) => ({ id: `CLONG${n}`, name, members: ['UANN', 'UBEN', 'UCID'] })),
    ...Object.fromEntries(rooms.map((name, n) => [`${name}/2024-03-01.json`, day(n)])),
  });
  const args = ['slack', file, '--users', join(dir, 'users.json'), '--in-flight', '2'] as const;
  const start = await head();
  const begun = parley(...args);
  await vi.waitFor(async () => expect(await head()).toBeGreaterThan(start + 200), {
    timeout: 60_000,
    interval: 10,
  });
  begun.child.kill('SIGKILL');
  const killed = await begun.done;
  expect(killed).toEqual({ code: null, report: null });
  const finished = await parley(...args).done;
  expect(finished.code, JSON.stringify(finished.report)).toBe(0);
  const { made, present } = finished.report;
  for (const count of [made, present])
    expect((count.messages ?? 0) + (count.replies ?? 0)).toBeGreaterThan(50);
  for (const [room, name] of rooms.entries()) {
    const { id: conversationId } = await conversationOf('ann', name);
    const top = await messagesOf('ann', conversationId);
    const replies = await Promise.all(
      top.filter(({ thread }) => thread !== null).map((root) => threadOf('ann', root)),
    );
    const bodies = new Set([...top, ...replies.flat()].map(({ body }) => body));
    expect(bodies.size).toBe(MESSAGES);
    const isInThread = (n: number): boolean => n % 10 === 5;
    const expected = day(room).map(({ text }) => text);
    expect(top.filter(({ threadId }) => threadId === null).map(({ body }) => body)).toEqual(
      expected.filter((_, n) => !isInThread(n)),
    );
    expect(replies.flat().map(({ body }) => body)).toEqual(expected.filter((_, n) => isInThread(n)));
    const counts = top.filter(({ reactions }) => reactions.length > 0);
    expect(counts.every(({ reactions }) => reactions[0]?.count === 2)).toBe(true);
  }
  const before = await head();
  const again = await parley(...args).done;
  expect(again.code).toBe(0);
  expect(Object.values(again.report.made)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await head()).toBe(before);
});

test('NDJSON becomes rooms that are as private as they say, bad lines are told, and a token that is not accepted ends it', async () => {
  const at = '2024-03-01T08:00:00Z';
  const file = join(dir, 'rooms.ndjson');
  const lines = [
    { room: 'tea', at, user: 'ann', id: 1, text: 'hello', reactions: [{ emoji: '👍', user: 'ben' }] },
    { room: 'plans', type: 'group', members: ['ben'], at, user: 'ann', text: 'for us' },
    { room: 'tea', at, user: 'ben', text: 'hi', thread: 1 },
    { room: 'tea', at, user: 'ben', text: '\u0000', replyTo: 1 },
    { room: 'tea', at, user: 'ann', text: 'x', reactions: [{ emoji: 'no emoji', user: 'ann' }] },
    { room: 'tea', user: 'ben', text: 'when?' },
  ];
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
  const untrusted = await parleyAs('/bin/echo', ['ndjson', file]).done;
  expect(untrusted).toEqual({ code: 3, report: null });
  const { code, report } = await parley('ndjson', file).done;
  expect(report).toMatchObject({
    made: { conversations: 2, messages: 4, replies: 1, reactions: 1 },
    skipped: [{ loss: true, first: `${file}:6` }],
    refusals: [{ place: `${file}:5`, command: 'message.react', code: 'invalid-request' }],
  });
  expect(code).toBe(1);
  const tea = await conversationOf('ben', 'tea');
  const [hello, , clean] = await messagesOf('ann', tea.id);
  expect(hello).toMatchObject({
    body: 'hello',
    reactions: [{ emoji: '👍', count: 1 }],
    thread: { count: 1 },
  });
  expect(clean).toMatchObject({ body: '\uFFFD', replyTo: hello?.messageId });
  const plans = await conversationOf('ben', 'plans');
  const stranger = await fetch(`${queries.url}/v1/conversations/${plans.id}`, {
    headers: { authorization: `Bearer ${await backend.token('mallory')}` },
  });
  expect(stranger.status).toBe(404);
  const before = await head();
  expect((await parley('ndjson', file).done).report.made).toMatchObject({
    messages: 0,
    replies: 0,
    people: 0,
  });
  expect(await head()).toBe(before);
});
