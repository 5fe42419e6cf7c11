import { DEFAULT_SETTINGS, type EventData } from '@parley/contracts';
import { describe, expect, it } from 'vitest';
import {
  commitOf,
  type created,
  deleted,
  edited,
  event,
  expired,
  NOBODY,
  ROOM,
  reacted,
  replied,
  sent,
  timeOf,
} from '../testing/commit.ts';
import { folded } from '../testing/folded.ts';
import { foldBatch } from './fold-batch.ts';

const change = (...events: Parameters<typeof folded>) => folded(...events).conversation;

function begun(data: Partial<EventData<'conversation.created'>> = {}) {
  const members = [{ userId: 'ann', role: 'owner' as const }];
  const first = event(
    'conversation.created',
    { type: 'group', members, settings: DEFAULT_SETTINGS, ...data },
    { time: timeOf(5), version: 1 },
  );
  const { changes } = foldBatch([commitOf(3, [first])], () => undefined);
  return changes.conversations.get(ROOM)?.conversation;
}

describe('conversations', () => {
  it('begin with everyone they were created with, and what they are', () => {
    expect(begun({ title: 'Room' })).toEqual({
      creation: {
        type: 'group',
        audience: null,
        segment: null,
        audienceUserIds: null,
        createdAt: timeOf(5),
        createdBy: 'ann',
      },
      description: { title: 'Room', description: null, settings: DEFAULT_SETTINGS },
      memberDelta: 1,
      messageCount: 0,
      replyCount: 0,
      lastMainOrdinal: 0,
      lastMessageAt: null,
      lastMessageSequence: 0,
      lastDeletedOrdinal: 0,
      lastMentionAllOrdinal: 0,
      lastReplyOrdinal: 0,
      expiredOrdinal: 0,
      version: 1,
      sequence: 3,
    });
  });

  it.each([
    [{ kind: 'all' as const }, { audience: 'all', segment: null, audienceUserIds: null }],
    [
      { kind: 'segment' as const, segment: 'staff' },
      { audience: 'segment', segment: 'staff', audienceUserIds: null },
    ],
    [
      { kind: 'custom' as const, userIds: ['bob'] },
      { audience: 'custom', segment: null, audienceUserIds: ['bob'] },
    ],
  ])('reach the audience %o', (audience, expected) => {
    expect(begun({ type: 'broadcast', audience })?.creation).toMatchObject(expected);
  });

  it('count members that come and go; a ban of somebody who is none changes nothing', () => {
    const members = ['bob', 'cyn', 'dan'].map((userId) => ({ userId, role: 'member' as const }));
    const result = change(
      event('members.added', { members, via: 'add', ordinal: 0 }),
      event('member.left', { userId: 'bob' }),
      event('members.removed', { userIds: ['cyn'] }),
      event('member.banned', { userId: 'dan', role: 'member' }),
      event('member.banned', { userId: 'eve' }),
    );
    expect(result).toMatchObject({ creation: null, memberDelta: 0, version: 6 });
  });

  it('take counts and place of the newest message', () => {
    const result = change(sent(4, 'a', { time: timeOf(1) }), sent(5, 'b', { time: timeOf(2) }));
    expect(result).toMatchObject({
      messageCount: 5,
      lastMainOrdinal: 5,
      lastMessageAt: timeOf(2),
      lastMessageSequence: 7,
      version: 3,
      sequence: 7,
    });
  });

  it('count a thread reply without letting it be the last message', () => {
    expect(change(sent(4, 'a', { time: timeOf(1) }), replied(5, 3))).toMatchObject({
      messageCount: 5,
      replyCount: 3,
      lastReplyOrdinal: 5,
      lastMainOrdinal: 4,
      lastMessageAt: timeOf(1),
    });
  });

  it('remember the newest main message that calls everybody, also when an edit made it so', () => {
    const all = { mentions: { ...NOBODY, all: true } };
    const here = { mentions: { ...NOBODY, here: true } };
    expect(change(sent(4, 'a', {}, all), sent(5))).toMatchObject({ lastMentionAllOrdinal: 4 });
    expect(change(edited(3, 'a', {}, here))).toMatchObject({ lastMentionAllOrdinal: 3 });
    expect(change(replied(6, 1, {}, all))).toMatchObject({ lastMentionAllOrdinal: 0 });
  });

  it('remember the newest message that was deleted and how far they expired, whatever the order', () => {
    expect(change(deleted(9), deleted(4), expired(3), expired(2))).toMatchObject({
      lastDeletedOrdinal: 9,
      expiredOrdinal: 3,
      messageCount: 0,
    });
  });

  it('merge changes of what they are, the later ones winning', () => {
    const result = change(
      event('conversation.updated', { title: 'A', avatar: 'a.png', settings: { slowModeSeconds: 5 } }),
      event('conversation.updated', { title: null, settings: { readOnly: true } }),
      event('conversation.archived', {}),
      event('conversation.unarchived', {}),
      event('conversation.deleted', {}, { time: timeOf(9) }),
    );
    expect(result?.description).toEqual({
      title: null,
      avatar: 'a.png',
      settings: { slowModeSeconds: 5, readOnly: true },
      archivedAt: null,
      deletedAt: timeOf(9),
    });
  });

  it('move their version with what changes nothing else here', () => {
    for (const each of [
      edited(2, 'x'),
      reacted(2, '+1', true),
      event('member.unbanned', { userId: 'bob' }),
    ]) {
      expect(change(each)).toMatchObject({ version: 2, messageCount: 0, description: null });
    }
  });

  it('move their version with an event of a type that is not known', () => {
    const unknown = { ...event('member.left', { userId: 'bob' }), type: 'of.later' };
    expect(change(unknown as ReturnType<typeof created>)).toMatchObject({ version: 2, memberDelta: 0 });
  });
});
