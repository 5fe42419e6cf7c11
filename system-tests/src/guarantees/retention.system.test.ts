import { join } from 'node:path';
import { formatPosition, parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askJetStream } from '../testing/ask-jetstream.ts';
import { type CommandReply, sendCommand } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';
import { type Operator, startOperator } from '../testing/operator.ts';

const OLD = 60;
const patiently = { timeout: 60_000, interval: 100 };
const conversationId = uuidv7();
const oldKey = uuidv7();

let operator: Operator;
let archive: string;
let running: LocalServer;
let fresh: LocalServer;
let queries: LocalServer;
let gateway: LocalServer;
let projector: LocalServer;
let epoch = '';
let first = 0;
let said = 0;
let version = 0;
let oldReply: CommandReply;
let pageBefore: unknown;
const listeners: Listener[] = [];

beforeAll(async () => {
  operator = await startOperator();
  archive = join(operator.dir, 'archive');
  const { backend } = operator;
  [projector, running] = await Promise.all([backend.start('projector'), backend.start('command-api')]);
  await order(running, 'ann', 'conversation.create', {
    ...{ type: 'group', conversationId, title: 'Room' },
    members: [{ userId: 'bob' }],
  });
  oldReply = await order(running, 'ann', 'message.send', { conversationId, body: 'first' }, oldKey);
  said = 1;
  epoch = parsePosition(oldReply.body.position ?? '')?.epoch ?? '';
  while (said < OLD) {
    await say(running);
    if (said % 7 === 0) await order(running, 'bob', 'messages.read', { conversationId, ordinal: said });
    if (said % 11 === 0) await order(running, 'ann', 'user.set-profile', { displayName: `Ann ${said}` });
  }
  const written = Date.now();
  queries = await backend.start('read-api');
  // As old as a commit has to be at least.
  await vi.waitFor(() => expect(Date.now() - written).toBeGreaterThan(21_000), patiently);
  for (let n = 0; n < 3; n++) await say(running);
  await applied();
  expect((await operator.parley('archive', '--to', archive)).code).toBe(0);
  pageBefore = await messages();
}, 120_000);
afterAll(async () => {
  for (const listener of listeners) listener.drop();
  await operator?.stop();
});

async function order(
  api: LocalServer,
  userId: string,
  type: string,
  data: object,
  key = uuidv7(),
): Promise<CommandReply> {
  const reply = await sendCommand(api, await operator.backend.token(userId), type, { key, data });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply;
}

async function say(api: LocalServer): Promise<CommandReply> {
  const reply = await order(api, 'ann', 'message.send', { conversationId, body: `message ${said + 1}` });
  said++;
  version = reply.body.version ?? 0;
  return reply;
}

/** The read model has everything. */
async function applied(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await operator.db.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
    expect(rows[0].at).toBe(await head());
  }, patiently);
}

async function head(): Promise<number> {
  const info = await askJetStream<{ state: { last_seq: number } }>(operator.natsUrl, 'STREAM.INFO.EVT');
  return info.state.last_seq;
}

async function storedCommits(): Promise<number> {
  const info = await askJetStream<{ state: { messages: number } }>(operator.natsUrl, 'STREAM.INFO.EVT');
  return info.state.messages;
}

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const authorization = `Bearer ${await operator.backend.token('ann')}`;
  const response = await fetch(`${queries.url}${path}`, { headers: { authorization } });
  return { status: response.status, body: await response.json() };
}

async function messages(): Promise<unknown> {
  const { status, body } = await get(`/v1/conversations/${conversationId}/messages?limit=100`);
  expect(status).toBe(200);
  return (body as { items: unknown[] }).items;
}

const retention = (...words: string[]) =>
  operator.parley('retention', '--archive', archive, '--older-than', '20s', ...words);

async function listen(since: number): Promise<Listener> {
  const token = await operator.backend.token('bob');
  const listener = await Listener.open(gateway, { token, since: formatPosition(epoch, since) });
  listeners.push(listener);
  await listener.live();
  return listener;
}

test('nothing is removed without an archive, from another one, of what is young, parked or rebuilt, and by a dry run', async () => {
  const before = await storedCommits();
  const none = join(operator.dir, 'none');
  const wrong = await operator.parley('retention', '--archive', none, '--older-than', '20s', '--yes');
  expect([wrong.code, wrong.told]).toEqual([1, expect.stringContaining('holds no archive of this log')]);
  const unasked = await retention();
  expect([unasked.code, unasked.told]).toEqual([2, expect.stringContaining('--yes')]);
  await operator.db.query('SELECT pg_advisory_lock($1, 3)', [0x7061726c]);
  const busy = await retention('--yes');
  expect([busy.code, busy.told]).toEqual([3, expect.stringContaining('a rebuild')]);
  await operator.db.query('SELECT pg_advisory_unlock_all()');
  await operator.db.query(
    `INSERT INTO read_model.dead_letters (key, sequence, subject, commit_id, attempts, parked_at)
     VALUES ('conv.x', 5, 'evt.01.conv.x', 'x', 1, now())`,
  );
  const parked = await retention('--yes');
  expect([parked.code, parked.told]).toEqual([1, expect.stringContaining('parley dead-letters')]);
  await operator.db.query('DELETE FROM read_model.dead_letters');
  const young = await operator.parley(
    'retention',
    '--archive',
    archive,
    '--older-than',
    '1h',
    '--yes',
    '--json',
  );
  expect(JSON.parse(young.output)).toMatchObject({
    completeFrom: 1,
    kinds: { conversation: { commits: 0 } },
  });
  const dry = await retention('--dry-run');
  expect([dry.code, dry.output]).toEqual([0, expect.stringContaining('TO REMOVE')]);
  expect(await storedCommits()).toBe(before);
});

test('what is archived, old, applied and stood for by a snapshot is removed, and what is read stays the same', async () => {
  const planned = JSON.parse((await retention('--dry-run', '--json')).output);
  const before = await storedCommits();
  const { code, output, told } = await retention('--yes', '--json');
  expect(code, told).toBe(0);
  const removed = JSON.parse(output);
  expect(removed.kinds).toEqual(planned.kinds);
  expect(removed.kinds.conversation.commits).toBeGreaterThanOrEqual(OLD);
  const sum = ['conversation', 'user', 'reads'].reduce((all, kind) => all + removed.kinds[kind].commits, 0);
  expect(await storedCommits()).toBe(before - sum);
  first = removed.completeFrom;
  expect(first).toBeGreaterThan(OLD);
  expect(await messages()).toEqual(pageBefore);
});

test('a command api that starts afterwards goes on where the conversation was, and so does one that ran meanwhile', async () => {
  fresh = await operator.backend.start('command-api');
  for (const api of [fresh, running, fresh]) {
    const [before, ordinal] = [version, said + 1];
    const reply = await say(api);
    expect(reply.body.version).toBe(before + 1);
    expect(reply.body.result).toMatchObject({ ordinal });
  }
  // Its commit is gone, its answer is in the snapshot.
  const again = await order(fresh, 'ann', 'message.send', { conversationId, body: 'first' }, oldKey);
  expect(again.body).toMatchObject({ position: oldReply.body.position, replayed: true });
  await order(fresh, 'ann', 'user.set-profile', { displayName: 'Ann' });
  await applied();
});

test('who resumes from before is reset, who follows from before is told, and nothing is skipped in silence', async () => {
  gateway = await operator.backend.start('realtime-gateway', { GATEWAY_WARM_COMMITS: '0' });
  for (const since of [0, 1, first - 2]) {
    const listener = await listen(since);
    expect(listener.of('reset')).toMatchObject([{ reason: 'retention' }]);
    expect(listener.commits()).toEqual([]);
  }
  const whole = await listen(first - 1);
  expect(whole.of('reset')).toEqual([]);
  expect(whole.commits().length).toBeGreaterThan(0);
  whole.say({ t: 'sub', id: 1, conversation: conversationId, from: 1 });
  await whole.until((listener) => listener.of('reset').length > 0);
  expect(whole.of('reset')).toMatchObject([{ reason: 'retention', conversation: conversationId }]);
  // What is left of the conversation's past is not taken for all of it.
  expect(whole.of('sub-ok')).toMatchObject([{ from: 1, head: version }]);
  expect(whole.of('sub-commits')).toEqual([]);
});

test('the read model goes on, and is made anew from the archive and the log, not from the log alone', async () => {
  await projector.stop();
  projector = await operator.backend.start('projector');
  await say(fresh);
  await applied();
  const verified = await operator.parley('verify');
  expect([verified.code, verified.told]).toEqual([3, expect.stringContaining('--from-archive')]);
  const alone = await operator.parley('rebuild', '--dry-run');
  expect([alone.code, alone.told]).toEqual([3, expect.stringContaining('--from-archive')]);
  const whole = await operator.parley('rebuild', '--from-archive', archive, '--dry-run');
  expect([whole.code, whole.told]).toEqual([0, expect.any(String)]);
});

test('without its snapshot a conversation whose beginning is gone takes no command until the snapshot is made anew', async () => {
  await askJetStream(operator.natsUrl, 'STREAM.PURGE.KV_snapshots', {});
  const before = await storedCommits();
  const cold = await operator.backend.start('command-api');
  const token = await operator.backend.token('ann');
  const data = { conversationId, body: 'lost?' };
  const refused = await sendCommand(cold, token, 'message.send', { key: uuidv7(), data });
  expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
  expect(await storedCommits()).toBe(before);
  const restored = await operator.parley('retention', 'restore-snapshots', '--archive', archive, '--json');
  expect([restored.code, JSON.parse(restored.output)]).toMatchObject([0, { failed: [] }]);
  const last = version;
  expect((await say(cold)).body.version).toBe(last + 1);
});
