import { conversationSubject, decodeCommit, isKnown, type LogEvent, parsePosition } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Backend, type CommandReply, sendCommand, startBackend } from '../testing/backend.ts';

let backend: Backend;
let first: LocalServer;
let second: LocalServer;
let opened: OpenLog;

beforeAll(async () => {
  backend = await startBackend({ replicas: 3 });
  await backend.start('projector');
  [first, second] = await Promise.all([backend.start('command-api'), backend.start('command-api')]);
  const logger = createLogger({ name: 'test', level: 'silent' });
  opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 3, name: 'test', logger });
});

afterAll(async () => {
  await opened?.close();
  await backend?.stop();
});

async function createGroup(owner: string, members: string[]): Promise<string> {
  const conversationId = uuidv7();
  const data = {
    type: 'group',
    conversationId,
    title: 'Room',
    members: members.map((userId) => ({ userId })),
  };
  const reply = await sendCommand(first, await backend.token(owner), 'conversation.create', {
    key: uuidv7(),
    data,
  });
  expect(reply).toMatchObject({ status: 200, body: { result: { conversationId, created: true } } });
  return conversationId;
}

async function send(
  api: LocalServer,
  userId: string,
  conversationId: string,
  body: string,
  key = uuidv7(),
): Promise<CommandReply> {
  return sendCommand(api, await backend.token(userId), 'message.send', {
    key,
    data: { conversationId, body },
  });
}

async function eventsOf(conversationId: string): Promise<{ commits: number; events: LogEvent[] }> {
  const events: LogEvent[] = [];
  let commits = 0;
  for await (const page of opened.log.read(conversationSubject(conversationId), 0)) {
    commits += page.length;
    for (const record of page) events.push(...decodeCommit(record.payload, { check: true }).filter(isKnown));
  }
  return { commits, events };
}

const dense = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

test('200 concurrent sends through two processes are stored once each, dense, in fewer commits than commands', async () => {
  const members = dense(1, 20).map((i) => `member-${i}`);
  const conversationId = await createGroup('owner', members);
  const replies = await Promise.all(
    dense(0, 200).map((i) =>
      send(i % 2 ? first : second, members[i % 20] ?? '', conversationId, `message ${i}`),
    ),
  );
  expect(replies.map((reply) => reply.status)).toEqual(dense(0, 200).map(() => 200));
  const { commits, events } = await eventsOf(conversationId);
  expect(events.map((event) => event.version)).toEqual(dense(1, 201));
  const messages = events.filter((event) => event.type === 'message.sent');
  expect(messages.map((event) => event.data.ordinal)).toEqual(dense(1, 200));
  expect(new Set(messages.map((event) => event.data.body)).size).toBe(200);
  expect(commits).toBeLessThan(201);
  for (const reply of replies) {
    const { messageId, ordinal } = reply.body.result as { messageId: string; ordinal: number };
    expect(messages[ordinal - 1]?.data.messageId).toBe(messageId);
    const { sequence = 0 } = parsePosition(reply.body.position ?? '') ?? {};
    const commit = await opened.log.at(sequence);
    expect(new TextDecoder().decode(commit?.payload)).toContain(messageId);
  }
  const metrics = await (await fetch(`${first.url}/metrics`)).text();
  const sum = Number(/parley_commit_commands_sum\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
  const count = Number(/parley_commit_commands_count\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
  expect(sum).toBeGreaterThan(count);
});

test('one key sent 50 times at once through both processes, and again after both restarted, is one event and one answer', async () => {
  const conversationId = await createGroup('owner', ['alice']);
  const key = uuidv7();
  const attempts = (): Promise<CommandReply[]> =>
    Promise.all(
      dense(0, 50).map((i) => send(i % 2 ? first : second, 'alice', conversationId, 'only once', key)),
    );
  const answers = await attempts();
  await Promise.all([first.restart(), second.restart()]);
  answers.push(...(await attempts()));
  expect(answers.filter((answer) => answer.status !== 200)).toEqual([]);
  expect(answers.filter((answer) => answer.body.replayed === false)).toHaveLength(1);
  const distinct = new Set(answers.map(({ body: { replayed: _, ...answer } }) => JSON.stringify(answer)));
  expect(distinct.size).toBe(1);
  const { events } = await eventsOf(conversationId);
  expect(events.filter((event) => event.type === 'message.sent')).toHaveLength(1);
  const other = await send(second, 'alice', conversationId, 'something else', key);
  expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-conflict' } });
});

test('a member removed through one process cannot send through the other, from the first attempt on', async () => {
  const conversationId = await createGroup('owner', ['mallory', 'bob']);
  for (const round of dense(1, 10)) {
    expect((await send(second, 'mallory', conversationId, `still here ${round}`)).status).toBe(200);
    const change = { key: uuidv7(), data: { conversationId, userIds: ['mallory'] } };
    const owner = await backend.token('owner');
    expect((await sendCommand(first, owner, 'members.remove', change)).status).toBe(200);
    const refused = await send(second, 'mallory', conversationId, 'let me in');
    expect(refused).toMatchObject({ status: 404, body: { code: 'not-found' } });
    const back = { key: uuidv7(), data: { conversationId, members: [{ userId: 'mallory' }] } };
    expect((await sendCommand(second, owner, 'members.add', back)).status).toBe(200);
    expect((await send(first, 'mallory', conversationId, `back ${round}`)).status).toBe(200);
  }
  const { events } = await eventsOf(conversationId);
  expect(events.filter((event) => event.type === 'message.sent' && event.data.body === 'let me in')).toEqual(
    [],
  );
});
