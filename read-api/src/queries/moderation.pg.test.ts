import { AUDIT_SCOPE } from '@parley/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../snapshot.ts';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { insert, principalOf } from '../testing/rows.ts';
import { Story } from '../testing/story.ts';
import { readAudit } from './audit.ts';
import { readBans } from './bans.ts';
import { readConversationInvites } from './conversation-invites.ts';
import { readAllReports, readReports } from './reports.ts';

let model: ReadModel;
let story: Story;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(async () => {
  await model.build();
  story = new Story(uuid(1)).send(5);
  story.add({ kind: 'update', changes: { title: 'New' } });
  story.add({ kind: 'archive', archived: true });
  await story.insert(model.pool);
  await new Story(uuid(2), { sequence: 50 }).insert(model.pool);
});

const params = { conversationId: uuid(1) };
const principal = principalOf('ann');

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** All items, two at a time. */
async function paged<T>(
  read: (snapshot: Snapshot, query: { limit: number; cursor: string | undefined }) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 2, cursor };
    const page = await model.read((snapshot) => read(snapshot, query));
    expect(page.items.length).toBeLessThanOrEqual(2);
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

it('bans are those that hold now', async () => {
  const ban = { conversation_id: uuid(1), banned_by: 'ann', at: timeOf(1), until: null, reason: null };
  const until = '9999-01-01T00:00:00.000Z';
  await insert(model.pool, 'bans', [
    { ...ban, user_id: 'a' },
    { ...ban, user_id: 'b', until, reason: 'spam' },
    { ...ban, user_id: 'c', until: timeOf(2) },
    { ...ban, user_id: 'd' },
    { ...ban, user_id: 'e' },
    { ...ban, user_id: 'f', conversation_id: uuid(2) },
  ]);
  const bans = await paged((snapshot, query) => readBans(snapshot, { params, query, principal }));
  expect(bans.map(({ userId }) => userId)).toEqual(['a', 'b', 'd', 'e']);
  expect(bans[1]).toEqual({ userId: 'b', by: 'ann', at: timeOf(1), until, reason: 'spam' });
});

it('invitations are those that are open now', async () => {
  const invite = { conversation_id: uuid(1), role: 'guest', invited_by: 'ann', at: timeOf(1), sequence: 1 };
  await insert(model.pool, 'invites', [
    { ...invite, user_id: 'a', expires_at: null },
    { ...invite, user_id: 'b', expires_at: timeOf(2) },
    { ...invite, user_id: 'c', expires_at: '9999-01-01T00:00:00.000Z' },
    { ...invite, user_id: 'd', expires_at: null },
  ]);
  const invites = await paged((snapshot, query) =>
    readConversationInvites(snapshot, { params, query, principal }),
  );
  expect(invites.map(({ userId }) => userId)).toEqual(['a', 'c', 'd']);
  expect(invites[0]).toEqual({
    userId: 'a',
    role: 'guest',
    invitedBy: 'ann',
    at: timeOf(1),
    expiresAt: null,
  });
});

it('reports come with the newest first', async () => {
  const reports = [11, 14, 12, 15, 13].map((sequence, index) => ({
    conversation_id: uuid(1),
    ordinal: index + 1,
    user_id: 'bob',
    message_id: String(story.messages[index]?.message_id),
    author_id: 'ann',
    reason: 'spam',
    note: null,
    at: timeOf(sequence),
    sequence,
  }));
  await insert(model.pool, 'reports', reports);
  const found = await paged((snapshot, query) => readReports(snapshot, { params, query, principal }));
  expect(found.map(({ ordinal }) => ordinal)).toEqual([4, 2, 5, 3, 1]);
  const auditor = { ...principal, scopes: [AUDIT_SCOPE] };
  const elsewhere = { ...reports[0], conversation_id: uuid(9), sequence: 16 };
  await insert(model.pool, 'reports', [elsewhere]);
  const all = await paged((snapshot, query) =>
    readAllReports(snapshot, { params: {}, query, principal: auditor }),
  );
  expect(all.map(({ conversationId }) => conversationId)).toEqual([uuid(9), ...reports.map(() => uuid(1))]);
  await expect(
    paged((snapshot, query) => readAllReports(snapshot, { params: {}, query, principal })),
  ).rejects.toMatchObject({ code: 'insufficient-scope' });
  expect(found[0]).toMatchObject({
    authorId: 'ann',
    reportedBy: 'bob',
    reason: 'spam',
    note: null,
    at: timeOf(15),
  });
});

describe('the audit', () => {
  it('of a conversation has what was done to it, the newest first', async () => {
    const items = await paged((snapshot, query) =>
      readAudit(snapshot, { params: {}, query: { ...query, conversation: uuid(1) }, principal }),
    );
    expect(items.map(({ type }) => type)).toEqual([
      'conversation.archived',
      'conversation.updated',
      'conversation.created',
    ]);
    expect(items[1]).toEqual({
      conversationId: uuid(1),
      version: 7,
      sequence: 7,
      at: timeOf(7),
      actor: 'ann',
      type: 'conversation.updated',
      details: { title: 'New' },
    });
  });

  it('of everything has all conversations in the order of the log, facts of one commit by version', async () => {
    const fact = {
      conversation_id: uuid(2),
      sequence: 60,
      at: timeOf(60),
      actor: 'ann',
      type: 'member.left',
      details: {},
    };
    await insert(model.pool, 'audit', [
      { ...fact, version: 2 },
      { ...fact, version: 3 },
      { ...fact, version: 4 },
    ]);
    const items = await paged((snapshot, query) =>
      readAudit(snapshot, { params: {}, query, principal: { ...principalOf('zoe'), scopes: [AUDIT_SCOPE] } }),
    );
    expect(items.map(({ sequence, version }) => [sequence, version])).toEqual([
      [60, 4],
      [60, 3],
      [60, 2],
      [50, 1],
      [8, 8],
      [7, 7],
      [1, 1],
    ]);
  });
});
