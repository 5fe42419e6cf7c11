import { DEFAULT_SETTINGS } from '@parley/contracts';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReadModel } from './read-model.ts';
import { created, cursors, event, NOBODY, ROOM, sent, timeOf } from './testing/commit.ts';
import { logger, privatePostgres } from './testing/database.ts';
import { projected } from './testing/projected.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
beforeAll(async () => {
  postgres = await privatePostgres();
  pool = openReadModel({ databaseUrl: await postgres.readModel(), connections: 4, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});

describe.each([
  ['one by one', 1],
  ['in one batch', 100],
])('conversations and people written %s', (_, size) => {
  it('hold what a conversation is', async () => {
    const userIds = ['dän.*>', 'eve "x", \\{}'];
    const data = { type: 'broadcast' as const, members: [{ userId: 'ann', role: 'owner' as const }] };
    const rows = await projected(
      pool,
      size,
      event('conversation.created', {
        ...data,
        settings: DEFAULT_SETTINGS,
        audience: { kind: 'custom', userIds },
      }),
      event('conversation.updated', { title: 'A', avatar: 'a.png', settings: { retentionDays: 30 } }),
      event('conversation.updated', { title: null, description: 'b', settings: { readOnly: true } }),
      event('conversation.archived', {}, { time: timeOf(1) }),
      event('conversation.deleted', {}, { time: timeOf(2) }),
    );
    expect(rows.conversations).toMatchObject([
      {
        type: 'broadcast',
        title: null,
        description: 'b',
        avatar: 'a.png',
        audience: 'custom',
        segment: null,
        audience_user_ids: userIds,
        settings: { ...DEFAULT_SETTINGS, retentionDays: 30, readOnly: true },
        archived_at: new Date(timeOf(1)),
        deleted_at: new Date(timeOf(2)),
        version: 5,
      },
    ]);
    expect(rows.audience_users).toEqual(userIds.map((user_id) => ({ user_id, conversation_id: ROOM })));
    expect(rows.audit.map(({ version, type }) => [version, type])).toEqual([
      [1, 'conversation.created'],
      [2, 'conversation.updated'],
      [3, 'conversation.updated'],
      [4, 'conversation.archived'],
      [5, 'conversation.deleted'],
    ]);
    expect(rows.audit[1]?.details).toEqual({ title: 'A', avatar: 'a.png', settings: { retentionDays: 30 } });
  });

  it('hold who was a member from when to when, and as what', async () => {
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob'], { time: timeOf(1) }),
      event('member.role-changed', { userId: 'bob', from: 'member', to: 'moderator' }, { time: timeOf(2) }),
      event('member.left', { userId: 'bob' }, { time: timeOf(3) }),
      event(
        'members.added',
        { members: [{ userId: 'bob', role: 'guest' }], via: 'join', ordinal: 0 },
        { time: timeOf(4) },
      ),
    );
    const lines = rows.member_changes.filter(({ user_id }) => user_id === 'bob');
    expect(lines.map(({ version, role, joined_at }) => [version, role, joined_at])).toEqual([
      [1, 'member', new Date(timeOf(1))],
      [2, 'moderator', new Date(timeOf(1))],
      [3, null, null],
      [4, 'guest', new Date(timeOf(4))],
    ]);
    expect(rows.members.map((row) => [row.user_id, row.role, row.left_reason, row.joined_version])).toEqual([
      ['ann', 'member', null, 1],
      ['bob', 'guest', null, 4],
    ]);
    expect(rows.conversations[0]?.member_count).toBe(2);
  });

  it('hold that who comes back was mentioned before', async () => {
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob']),
      sent(1, '@bob', {}, { mentions: { ...NOBODY, users: ['bob'] } }),
      event('member.left', { userId: 'bob' }),
      event('members.added', { members: [{ userId: 'bob', role: 'guest' }], via: 'join', ordinal: 1 }),
    );
    expect(rows.members[1]).toMatchObject({ user_id: 'bob', joined_ordinal: 1, last_mention_ordinal: 1 });
  });

  it('hold who is banned and who is invited', async () => {
    const invited = (userIds: string[]) => event('member.invited', { userIds, role: 'guest' });
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob', 'cyn']),
      event('member.banned', { userId: 'bob', role: 'member', reason: 'spam', until: timeOf(99) }),
      event('member.banned', { userId: 'cyn', role: 'member' }),
      event('member.unbanned', { userId: 'cyn' }),
      invited(['dan', 'eve', 'fay', 'gus']),
      event('invite.declined', { userId: 'dan' }),
      event('invite.revoked', { userIds: ['eve'] }),
      event('members.added', {
        members: [{ userId: 'fay', role: 'guest' }],
        via: 'invite',
        ordinal: 0,
      }),
    );
    expect(rows.bans).toMatchObject([
      { user_id: 'bob', banned_by: 'ann', until: new Date(timeOf(99)), reason: 'spam' },
    ]);
    expect(rows.invites).toMatchObject([
      { user_id: 'gus', role: 'guest', invited_by: 'ann', sequence: '5', expires_at: null },
    ]);
    expect(rows.members.map(({ user_id, left_reason }) => [user_id, left_reason])).toEqual([
      ['ann', null],
      ['bob', 'banned'],
      ['cyn', 'banned'],
      ['fay', null],
    ]);
  });

  it('hold how far everybody is, what they show, and how far the audience is', async () => {
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob', 'cyn']),
      ...[1, 2, 3, 4, 5].map((ordinal) => sent(ordinal)),
      cursors([{ userId: 'bob', readOrdinal: 4 }]),
      cursors([{ userId: 'bob', deliveredOrdinal: 5 }]),
      event('cursor.lowered', { userId: 'bob', ordinal: 1 }),
      cursors([{ userId: 'bob', readOrdinal: 3, private: true }]),
      cursors([{ userId: 'zoe', readOrdinal: 3, audience: true }]),
      cursors([{ userId: 'zoe', deliveredOrdinal: 4, audience: true }]),
      cursors([{ userId: 'stranger', readOrdinal: 3 }]),
    );
    expect(
      rows.members.map((row) => [row.user_id, row.read_ordinal, row.delivered_ordinal, row.receipt_ordinal]),
    ).toEqual([
      ['ann', 5, 5, 5],
      ['bob', 3, 5, 4],
      ['cyn', 0, 0, 0],
    ]);
    expect(rows.audience_cursors).toMatchObject([{ user_id: 'zoe', read_ordinal: 3, delivered_ordinal: 4 }]);
  });
});
