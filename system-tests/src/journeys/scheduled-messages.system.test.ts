import type { MessagesPage, ScheduledPage } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Backend, sendCommand, startBackend } from '../testing/backend.ts';

let backend: Backend;
let commands: LocalServer;
let queries: LocalServer;
let notifiers: LocalServer[];

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  notifiers = await Promise.all([backend.start('notifier'), backend.start('notifier')]);
});
afterAll(() => backend?.stop());

async function command(userId: string, type: string, data: object): Promise<Record<string, unknown>> {
  const reply = await sendCommand(commands, await backend.token(userId), type, { key: uuidv7(), data });
  expect(reply, JSON.stringify(reply.body)).toMatchObject({ status: 200 });
  return reply.body.result as Record<string, unknown>;
}

async function query<T>(userId: string, path: string): Promise<T> {
  const headers = { authorization: `Bearer ${await backend.token(userId)}` };
  return (await (await fetch(`${queries.url}${path}`, { headers })).json()) as T;
}

const soon = () => new Date(Date.now() + 2_500).toISOString();

test('scheduled messages are sent once by two notifiers, although one is killed; cancelled ones never, refused ones say why', async () => {
  const { conversationId } = await command('anna', 'conversation.create', {
    type: 'group',
    members: [{ userId: 'berta' }],
  });
  const schedule = (userId: string, body: string) =>
    command(userId, 'message.schedule', { conversationId, at: soon(), message: { body } });
  const sent = await Promise.all(Array.from({ length: 20 }, (_, n) => schedule('anna', `later ${n}`)));
  const cancelled = await schedule('anna', 'never');
  const refused = await schedule('berta', 'too late');
  await command('anna', 'message.cancel-schedule', { scheduleId: cancelled.scheduleId });
  await command('anna', 'members.remove', { conversationId, userIds: ['berta'] });
  await notifiers[0]?.kill();

  const page = await vi.waitFor(
    async () => {
      const messages = await query<MessagesPage>('anna', `/v1/conversations/${conversationId}/messages`);
      expect(messages.items).toHaveLength(sent.length);
      return messages;
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(page.items.map(({ messageId }) => messageId).sort()).toEqual(
    sent.map(({ scheduleId }) => scheduleId).sort(),
  );
  expect(new Set(page.items.map(({ senderId }) => senderId))).toEqual(new Set(['anna']));
  await vi.waitFor(
    async () => {
      expect((await query<ScheduledPage>('anna', '/v1/me/scheduled')).items).toEqual([]);
      const [failed] = (await query<ScheduledPage>('berta', '/v1/me/scheduled')).items;
      expect(failed).toMatchObject({ scheduleId: refused.scheduleId, state: 'failed', code: 'not-found' });
    },
    { timeout: 30_000, interval: 100 },
  );
});
