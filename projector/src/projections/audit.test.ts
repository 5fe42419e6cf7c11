import { DEFAULT_SETTINGS } from '@parley/contracts';
import { describe, expect, it } from 'vitest';
import {
  commitOf,
  deleted,
  edited,
  event,
  expired,
  ROOM,
  reacted,
  sent,
  timeOf,
  uuid,
} from '../testing/commit.ts';
import { folded } from '../testing/folded.ts';
import { foldBatch } from './fold-batch.ts';

const entries = (...events: Parameters<typeof folded>) =>
  folded(...events).audit.map(({ type, details }) => [type, JSON.parse(details)]);

describe('the audit', () => {
  it('tells what a conversation began as, its members by their number', () => {
    const data = {
      type: 'broadcast' as const,
      title: 'News',
      members: [{ userId: 'ann', role: 'owner' as const }],
      settings: DEFAULT_SETTINGS,
      audience: { kind: 'segment' as const, segment: 'staff' },
    };
    const first = event('conversation.created', data, { version: 1 });
    const { changes } = foldBatch([commitOf(1, [first])], () => undefined);
    const [entry] = changes.conversations.get(ROOM)?.audit ?? [];
    expect(JSON.parse(entry?.details ?? '')).toEqual({ ...data, audience: 'segment', members: 1 });
  });

  it('tells who did what, when and where', () => {
    const { audit } = folded(
      event('conversation.archived', { reason: 'done' }, { actor: 'mod', time: timeOf(4) }),
    );
    expect(audit).toEqual([
      {
        version: 2,
        sequence: 7,
        at: timeOf(4),
        actor: 'mod',
        type: 'conversation.archived',
        details: '{"reason":"done"}',
        deletedOrdinal: null,
      },
    ]);
  });

  it('names at most a hundred users of one event, and counts all', () => {
    const userIds = Array.from({ length: 120 }, (_, index) => `user-${index}`);
    const members = userIds.map((userId) => ({ userId, role: 'guest' as const }));
    const named = { userIds: userIds.slice(0, 100), count: 120 };
    expect(
      entries(
        event('members.added', { members, via: 'add', ordinal: 0 }),
        event('members.removed', { userIds, reason: 'why' }),
        event('member.invited', { userIds, role: 'guest' }),
        event('invite.revoked', { userIds }),
      ),
    ).toEqual([
      ['members.added', { ...named, via: 'add' }],
      ['members.removed', { ...named, reason: 'why' }],
      ['member.invited', { ...named, role: 'guest' }],
      ['invite.revoked', named],
    ]);
  });

  it('leaves out what users do with their own messages and cursors', () => {
    const lowered = event('cursor.lowered', { userId: 'ann', ordinal: 0 });
    expect(entries(sent(1), edited(1, 'b'), reacted(1, '+1', true), deleted(1), lowered)).toEqual([]);
  });

  it('holds the deletion of other people’s messages and what expired', () => {
    expect(entries(deleted(4, { actor: 'mod' }), expired(3))).toMatchObject([
      ['message.deleted', { ordinal: 4, authorId: 'ann', reason: 'spam' }],
      ['messages.expired', { throughOrdinal: 3 }],
    ]);
  });

  it('leaves out the deletion of a message that was deleted or had expired before', () => {
    const mod = { actor: 'mod' };
    expect(entries(deleted(1), deleted(1, mod), deleted(2, mod), deleted(2, mod))).toMatchObject([
      ['message.deleted', { ordinal: 2 }],
    ]);
    expect(entries(edited(1, 'b'), expired(2), deleted(1, mod), deleted(2, mod))).toHaveLength(1);
  });

  it('forgets why a message was deleted when it expires', () => {
    const result = entries(deleted(2, { actor: 'mod' }), deleted(3, { actor: 'mod' }), expired(2));
    expect(result[0]?.[1]).toEqual({ messageId: uuid(2), ordinal: 2, authorId: 'ann' });
    expect(result[1]?.[1]).toMatchObject({ ordinal: 3, reason: 'spam' });
  });
});
