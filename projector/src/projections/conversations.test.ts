import { describe, expect, it } from 'vitest';
import {
  commitOf,
  created,
  deleted,
  edited,
  event,
  numbered,
  ROOM,
  sent,
  timeOf,
} from '../testing/commit.ts';
import type { ConversationChange } from './changes.ts';
import { foldBatch } from './fold-batch.ts';

const begun = { version: 1, sequence: 1 };

function change(...events: Parameters<typeof numbered>[0]): ConversationChange | null | undefined {
  const { changes, fault } = foldBatch([commitOf(7, numbered(events, 2))], () => begun);
  expect(fault).toBeNull();
  return changes.conversations.get(ROOM)?.conversation;
}

describe('conversations', () => {
  it('begins with everyone it was created with', () => {
    const { changes } = foldBatch(
      [commitOf(3, numbered([created(['ann', 'bob'], { time: timeOf(5) })]))],
      () => undefined,
    );
    expect(changes.conversations.get(ROOM)?.conversation).toEqual({
      creation: { type: 'group', title: 'Room', description: null, createdAt: timeOf(5), createdBy: 'ann' },
      memberDelta: 2,
      messageCount: 0,
      lastMessageAt: null,
      lastDeletedOrdinal: 0,
      version: 1,
      sequence: 3,
    });
  });

  it('counts members that come and go', () => {
    const members = ['bob', 'cyn', 'dan'].map((userId) => ({ userId, role: 'member' as const }));
    const result = change(
      event('members.added', { members, via: 'add', ordinal: 0 }),
      event('member.left', { userId: 'bob' }),
      event('members.removed', { userIds: ['cyn'] }),
    );
    expect(result).toMatchObject({ creation: null, memberDelta: 1, version: 4 });
  });

  it('takes count and time of the newest message', () => {
    const result = change(sent(4, 'a', { time: timeOf(1) }), sent(5, 'b', { time: timeOf(2) }));
    expect(result).toMatchObject({ messageCount: 5, lastMessageAt: timeOf(2), version: 3, sequence: 7 });
  });

  it('remembers the newest message that was deleted, whatever the order of deleting', () => {
    expect(change(deleted(9), deleted(4))).toMatchObject({ lastDeletedOrdinal: 9, messageCount: 0 });
  });

  it('moves its version with an edit, which changes nothing else', () => {
    expect(change(edited(2, 'x'))).toMatchObject({ version: 2, messageCount: 0, lastMessageAt: null });
  });

  it('moves its version with an event of a type it does not know', () => {
    const unknown = { ...event('member.left', { userId: 'bob' }), type: 'message.pinned' };
    expect(change(unknown as ReturnType<typeof sent>)).toMatchObject({ version: 2, memberDelta: 0 });
  });
});
