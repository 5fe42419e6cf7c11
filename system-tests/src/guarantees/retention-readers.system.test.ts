import { join } from 'node:path';
import { formatPosition, parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type CommandReply, sendCommand } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';
import { type Operator, startOperator } from '../testing/operator.ts';

/** More than a process that starts from a snapshot remembers the answers of. */
const OLD = 1_200;
const AT_ONCE = 50;
const patiently = { timeout: 60_000, interval: 100 };
const conversationId = uuidv7();
const quietId = uuidv7();
/** Of the first message, and of another that is as old for every reader but one that remembers. */
const [oldest, second, third] = [uuidv7(), uuidv7(), uuidv7()];

let operator: Operator;
let api: LocalServer;
let queries: LocalServer;
let first = 0;
let version = 0;
const replies: CommandReply[] = [];
const listeners: Listener[] = [];

beforeAll(async () => {
  operator = await startOperator();
  const { backend } = operator;
  const [, before] = await Promise.all([backend.start('projector'), backend.start('command-api')]);
  for (const id of [quietId, conversationId]) {
    await accepted(before, 'conversation.create', {
      ...{ type: 'group', conversationId: id, title: 'Room' },
      members: [{ userId: 'bob' }],
    });
  }
  for (const key of [oldest, second, third]) {
    replies.push(await accepted(before, 'message.send', { conversationId, body: 'said' }, key));
  }
  // Of what is asked for more than a page away the gateway reads the conversation's own subject, else everything.
  await manyTimes(OLD - 100, () => say(before));
  await manyTimes(600, () =>
    accepted(before, 'conversation.create', { type: 'group', conversationId: uuidv7(), title: 'Other' }),
  );
  await manyTimes(100, () => say(before));
  const written = Date.now();
  queries = await backend.start('read-api');
  // As old as a commit has to be at least.
  await vi.waitFor(() => expect(Date.now() - written).toBeGreaterThan(21_000), patiently);
  const { body } = await say(before);
  version = body.version ?? 0;
  await vi.waitFor(async () => {
    const { rows } = await operator.db.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
    expect(rows[0].at).toBe(sequenceOf(body.position));
  }, patiently);
  const archive = join(operator.dir, 'archive');
  expect((await operator.parley('archive', '--to', archive)).code).toBe(0);
  await before.stop();
  const words = ['--archive', archive, '--older-than', '20s', '--yes', '--json'];
  const { code, output, told } = await operator.parley('retention', ...words);
  expect(code, told).toBe(0);
  first = JSON.parse(output).completeFrom;
  api = await backend.start('command-api');
}, 180_000);
afterAll(async () => {
  for (const listener of listeners) listener.drop();
  await operator?.stop();
});

const sequenceOf = (position = ''): number => parsePosition(position)?.sequence ?? 0;

async function order(type: string, data: object, key = uuidv7(), to = api): Promise<CommandReply> {
  return sendCommand(to, await operator.backend.token('ann'), type, { key, data });
}

async function accepted(to: LocalServer, type: string, data: object, key?: string): Promise<CommandReply> {
  const reply = await order(type, data, key, to);
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply;
}

async function manyTimes(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < times; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const say = (to: LocalServer): Promise<CommandReply> =>
  accepted(to, 'message.send', { conversationId, body: 'said' });

async function events(query: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const authorization = `Bearer ${await operator.backend.token('ann')}`;
  const url = `${queries.url}/v1/conversations/${conversationId}/events?${query}`;
  const response = await fetch(url, { headers: { authorization } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('facts from before are refused with where they begin, and those from there on are whole', async () => {
  const refused = await events('after=0');
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
  const [fault] = refused.body.errors as { path: string; message: string }[];
  expect(fault?.path).toBe('after');
  const after = Number(/at least (\d+)/.exec(fault?.message ?? '')?.[1]);
  expect(after).toBeGreaterThan(OLD);
  const { status, body } = await events(`after=${after}`);
  expect([status, body.head]).toEqual([200, version]);
  const items = body.items as { events: { version: number }[] }[];
  const versions = items.flatMap((item) => item.events.map((event) => event.version));
  expect(versions).toEqual(Array.from({ length: version - after }, (_, n) => after + n + 1));
  expect((await events(`after=${after - 1}`)).status).toBe(400);
});

test('a message whose commit is gone is reacted to, answered, edited and deleted, and one that never was is not found', async () => {
  const message = { conversationId, messageId: oldest };
  await accepted(api, 'message.react', { ...message, emoji: '👍' });
  await accepted(api, 'message.send', { conversationId, body: 'reply', replyTo: oldest, threadId: oldest });
  await accepted(api, 'message.edit', { ...message, body: 'edited' });
  // Where the client says it was sent is believed only as far as the read model says so too.
  const sequence = sequenceOf(replies[1]?.body.position);
  expect(sequence).toBeLessThan(first);
  const named = { conversationId, messageId: second, sequence };
  await accepted(api, 'message.edit', { ...named, body: 'edited' });
  const wrong = { ...named, messageId: third, body: 'edited' };
  expect((await order('message.edit', wrong)).status).toBeGreaterThanOrEqual(400);
  const nobody = { conversationId, messageId: uuidv7(), emoji: '👍' };
  expect((await order('message.react', nobody)).body.code).toBe('not-found');
  await accepted(api, 'message.delete', message);
  await vi.waitFor(async () => {
    const { rows } = await operator.db.query(
      'SELECT body, edit_count, deleted_at IS NULL AS there FROM read_model.messages WHERE message_id = ANY($1) ORDER BY ordinal',
      [[oldest, second]],
    );
    expect(rows).toMatchObject([{ there: false }, { body: 'edited', edit_count: 1, there: true }]);
  }, patiently);
  const late = await backendAnew();
  expect((await order('message.react', { ...message, emoji: '🎉' }, uuidv7(), late)).body.code).toBe(
    'message-deleted',
  );
});

/** One that remembers nothing but what its snapshot says. */
const backendAnew = (): Promise<LocalServer> => operator.backend.start('command-api');

test('a key that was accepted long ago is refused for good and not accepted again; one that is remembered is answered', async () => {
  const send = { conversationId, body: 'said' };
  const refused = await order('message.send', send, oldest);
  expect([refused.status, refused.body.code]).toEqual([422, 'idempotency-conflict']);
  expect(refused.body.detail).toContain('no longer kept');
  const { rows } = await operator.db.query(
    'SELECT message_id AS key FROM read_model.messages WHERE conversation_id = $1 AND sequence < $2 ORDER BY ordinal DESC LIMIT 1',
    [conversationId, first],
  );
  const answered = await order('message.send', send, rows[0].key);
  expect(answered).toMatchObject({ status: 200, body: { replayed: true } });
});

test('who follows a conversation from before is reset because of retention, however far back and however it is read', async () => {
  const gateway = await operator.backend.start('realtime-gateway', { GATEWAY_WARM_COMMITS: '0' });
  const { rows } = await operator.db.query(
    'SELECT epoch, max(sequence)::int AS at FROM read_model.checkpoints GROUP BY 1',
  );
  const token = await operator.backend.token('bob');
  const since = formatPosition(rows[0].epoch, rows[0].at);
  const listener = await Listener.open(gateway, { token, since });
  listeners.push(listener);
  await listener.live();
  for (const [id, from] of [1, 600, OLD - 5, OLD].entries()) {
    const before = listener.frames.length;
    listener.say({ t: 'sub', id, conversation: conversationId, from });
    await listener.until(({ frames }) => frames.slice(before).some(({ t }) => t === 'sub-live'));
    const frames = listener.frames.slice(before);
    expect(
      frames.filter(({ t }) => t === 'reset'),
      `from ${from}`,
    ).toMatchObject([{ reason: 'retention' }]);
    expect(frames.filter(({ t }) => t === 'sub-commits')).toEqual([]);
  }
});

test('parley history says that there was more, and shows what is left', async () => {
  const { code, output, told } = await operator.parley('history', conversationId, '--json');
  expect([code, told]).toEqual([0, expect.stringContaining('removed')]);
  const [oldestShown] = output.split('\n');
  expect(JSON.parse(oldestShown ?? '').version).toBeGreaterThan(OLD);
  const quiet = await operator.parley('history', quietId, '--json');
  // Nothing of it was removed: its only commit is its last.
  expect([quiet.code, quiet.told.includes('removed')]).toEqual([0, false]);
  expect(quiet.output.trim().split('\n')).toHaveLength(1);
});
