import {
  conversationSubject,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
  type MessagesPage,
  type SearchPage,
  type UnreadView,
} from '@parley/contracts';
import { createLogger, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Backend, startBackend } from '../testing/backend.ts';

const DAY = 86_400_000;
const conversationId = uuidv7();
let backend: Backend;

beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend?.stop());

/** A conversation that has been going on for days: nobody can write into the past through the API. */
async function writePast(days: readonly number[]): Promise<void> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 1, name: 'test', logger });
  let version = 0;
  const events: LogEvent[] = [];
  const add = <T extends EventType>(type: T, data: EventData<T>, ago: number) =>
    events.push({
      specversion: '1.0',
      id: uuidv7(),
      source: '/parley',
      type,
      subject: `conversation/${conversationId}`,
      time: new Date(Date.now() - ago * DAY).toISOString(),
      dataschema: dataschemaOf(type),
      version: ++version,
      actor: 'anna',
      data,
    } as LogEvent);
  const members = ['anna', 'berta'].map((userId) => ({ userId, role: 'owner' as const }));
  const settings = { ...DEFAULT_SETTINGS, retentionDays: 7 };
  add('conversation.created', { type: 'group', members, settings }, days[0] ?? 0);
  for (const [index, ago] of days.entries()) {
    const mentions = { users: ['berta'], all: false, here: false };
    const message = { messageId: uuidv7(), ordinal: index + 1, replies: 0, format: 'plain' as const };
    add('message.sent', { ...message, body: `walrus ${ago}`, attachments: [], mentions }, ago);
  }
  const subject = conversationSubject(conversationId);
  await opened.log.append({
    subject,
    commitId: events[0]?.id ?? '',
    payload: encodeCommit(events),
    expectedLastSequence: 0,
  });
  await opened.close();
}

test('what is older than the retention of its conversation is emptied, counted nowhere and found nowhere', async () => {
  await backend.start('projector');
  await writePast([30, 20, 8, 6, 1]);
  const [, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  await backend.start('notifier');
  const headers = { authorization: `Bearer ${await backend.token('berta')}` };
  const read = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${queries.url}${path}`, { headers })).json()) as T;
  const messages = () => read<MessagesPage>(`/v1/conversations/${conversationId}/messages`);
  await vi.waitFor(
    async () => expect((await messages()).items.map(({ ordinal }) => ordinal)).toEqual([4, 5]),
    { timeout: 60_000, interval: 100 },
  );
  expect(await messages()).toMatchObject({ hasBefore: false, hasAfter: false });
  expect(await read<UnreadView>('/v1/me/unread')).toMatchObject({ total: 2, mentions: 2 });
  const found = await read<SearchPage>('/v1/search?q=walrus');
  expect(found.items.map(({ message }) => message.ordinal)).toEqual([5, 4]);
  const past = await read<MessagesPage>(
    `/v1/conversations/${conversationId}/messages?asOf=${new Date(Date.now() - 15 * DAY).toISOString()}`,
  );
  expect(JSON.stringify(past)).not.toContain('walrus');
  const facts = JSON.stringify(await read(`/v1/conversations/${conversationId}/events`));
  expect(facts).not.toContain('walrus 20');
  expect(facts).toContain('walrus 6');
});
