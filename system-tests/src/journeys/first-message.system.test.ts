import { createClient, type ParleyClient, type SubscriptionItem } from '@parley/client';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import WebSocket from 'ws';
import { type Backend, startBackend } from '../testing/backend.ts';

let backend: Backend;
let userClient: (userId: string) => Promise<ParleyClient>;

/** On the servers that TEST_SERVICES chose, whoever started them. */
beforeAll(async () => {
  const { natsUrl, databaseUrl, redisUrl } = inject('services');
  const admin = new pg.Client(databaseUrl);
  await admin.connect();
  await admin.query('drop database if exists parley_first_message with (force)');
  await admin.query('create database parley_first_message');
  await admin.end();
  const own = new URL(databaseUrl);
  own.pathname = '/parley_first_message';
  backend = await startBackend({ shared: { natsUrl, databaseUrl: own.href, redisUrl } });
  await backend.start('projector');
  const [commands, queries, gateway] = await Promise.all([
    backend.start('command-api'),
    backend.start('read-api'),
    backend.start('realtime-gateway'),
  ]);
  userClient = async (userId) => {
    const token = await backend.token(userId);
    return createClient({
      commandApi: commands.url,
      readApi: queries.url,
      gateway: `${gateway.url.replace('http', 'ws')}/v1/socket`,
      token: () => token,
      WebSocket: WebSocket as never,
    });
  };
});
afterAll(() => backend?.stop());

test('a message goes from the sender through the log to socket, inbox and history, and every change follows it', async () => {
  const [alice, bob] = [await userClient('alice'), await userClient('bob')];
  const { result } = await alice.createConversation({
    type: 'group',
    title: 'Two',
    members: [{ userId: 'bob' }],
  });
  const { conversationId } = result;
  const start = alice.ownPosition;
  const seen: SubscriptionItem[] = [];
  const subscription = bob.subscribe({ since: start });
  const types = (): string[] =>
    seen.flatMap((item) =>
      item.kind === 'commit' ? item.commit.events.map((event) => event.type) : [item.kind],
    );
  const listening = (async () => {
    for await (const item of subscription) {
      seen.push(item);
      if (types().includes('members.removed')) return;
    }
  })();

  const sent = await alice.send(conversationId, 'Hello, Bob');
  expect(sent).toMatchObject({ result: { ordinal: 1 }, version: 2, replayed: false });
  expect(await bob.unread({ minPosition: sent.position })).toMatchObject({ total: 1 });
  await bob.read(conversationId, 1);
  expect(await bob.unread()).toMatchObject({ total: 0, conversations: 0 });

  const { messageId } = sent.result;
  const edited = await alice.command('message.edit', { conversationId, messageId, body: 'Hello, dear Bob' });
  const page = await bob.messages(conversationId, {}, { minPosition: edited.position });
  expect(page.items).toMatchObject([
    { messageId, ordinal: 1, senderId: 'alice', body: 'Hello, dear Bob', edited: { count: 1 } },
  ]);
  const second = await alice.send(conversationId, 'Forget this');
  const deleted = await alice.command('message.delete', {
    conversationId,
    messageId: second.result.messageId,
  });
  expect(await bob.unread({ minPosition: deleted.position })).toMatchObject({ total: 0 });

  await alice.command('members.remove', { conversationId, userIds: ['bob'] });
  await listening;
  expect(types()).toEqual([
    'message.sent',
    'cursors.advanced',
    'message.edited',
    'message.sent',
    'message.deleted',
    'members.removed',
  ]);
  await expect(bob.conversation(conversationId, { minPosition: alice.ownPosition })).rejects.toMatchObject({
    code: 'not-found',
  });
  await expect(bob.send(conversationId, 'Hello?')).rejects.toMatchObject({ code: 'not-found' });

  const late: SubscriptionItem[] = [];
  for await (const item of bob.subscribe({ since: start })) {
    late.push(item);
    if (item.kind !== 'commit') break;
  }
  expect(late).toMatchObject([{ kind: 'revoked', conversation: conversationId, reason: 'removed' }]);
});
