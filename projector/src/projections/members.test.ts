import { describe, expect, it } from 'vitest';
import { commitOf, created, cursorsCommit, event, numbered, ROOM, sent, timeOf } from '../testing/commit.ts';
import type { MemberChange } from './changes.ts';
import { foldBatch, type LaneCommit } from './fold-batch.ts';

const begun = { version: 1, sequence: 1 };

function members(...commits: LaneCommit[]): Record<string, MemberChange> {
  const { changes, fault } = foldBatch(commits, () => begun);
  expect(fault).toBeNull();
  return Object.fromEntries(changes.conversations.get(ROOM)?.members ?? []);
}

const added = (userId: string, ordinal: number, time = timeOf(0)) =>
  event('members.added', { members: [{ userId, role: 'guest' }], via: 'join', ordinal }, { time });
const left = (userId: string) => event('member.left', { userId });

describe('members', () => {
  it('start reading at the first message when they were there from the beginning', () => {
    const { changes } = foldBatch([commitOf(2, numbered([created(['ann'])]))], () => undefined);
    expect(changes.conversations.get(ROOM)?.members.get('ann')).toMatchObject({
      kind: 'put',
      role: 'member',
      joinedSequence: 2,
      readOrdinal: 0,
      departure: null,
    });
  });

  it('start reading at the head when they come later', () => {
    expect(members(commitOf(5, numbered([added('bob', 12, timeOf(9))], 2)))).toEqual({
      bob: {
        kind: 'put',
        role: 'guest',
        joinedAt: timeOf(9),
        joinedSequence: 5,
        readOrdinal: 12,
        departure: null,
      },
    });
  });

  it('have read what they sent themselves', () => {
    expect(
      members(commitOf(5, numbered([sent(3, 'a', { actor: 'bob' }), sent(4, 'b', { actor: 'bob' })], 2))),
    ).toEqual({
      bob: { kind: 'patch', readOrdinal: 4, departure: null },
    });
  });

  it('keep the highest of their cursors', () => {
    const result = members(
      cursorsCommit(5, [{ userId: 'bob', readOrdinal: 7 }]),
      cursorsCommit(6, [
        { userId: 'bob', readOrdinal: 5 },
        { userId: 'cyn', readOrdinal: 2 },
      ]),
    );
    expect(result).toMatchObject({ bob: { readOrdinal: 7 }, cyn: { readOrdinal: 2 } });
  });

  it('merge a cursor into the row they were put with', () => {
    const result = members(
      commitOf(5, numbered([added('bob', 3)], 2)),
      cursorsCommit(6, [{ userId: 'bob', readOrdinal: 8 }]),
    );
    expect(result.bob).toMatchObject({ kind: 'put', readOrdinal: 8 });
  });

  it('go with what they had read; a cursor after that is void', () => {
    const result = members(
      cursorsCommit(5, [{ userId: 'bob', readOrdinal: 3 }]),
      commitOf(6, numbered([left('bob')], 2)),
      cursorsCommit(7, [{ userId: 'bob', readOrdinal: 9 }]),
    );
    expect(result.bob).toEqual({ kind: 'patch', readOrdinal: 3, departure: { sequence: 6, reason: 'left' } });
  });

  it('are marked as removed when somebody else made them go', () => {
    const result = members(commitOf(6, numbered([event('members.removed', { userIds: ['bob', 'cyn'] })], 2)));
    expect(result).toMatchObject({
      bob: { departure: { sequence: 6, reason: 'removed' } },
      cyn: { departure: { sequence: 6, reason: 'removed' } },
    });
  });

  it('begin anew when they come back', () => {
    const result = members(commitOf(6, numbered([left('bob'), added('bob', 20)], 2)));
    expect(result.bob).toMatchObject({ kind: 'put', readOrdinal: 20, joinedSequence: 6, departure: null });
  });

  it('are put and gone when both happen in one batch', () => {
    const result = members(commitOf(6, numbered([added('bob', 20), left('bob')], 2)));
    expect(result.bob).toMatchObject({ kind: 'put', departure: { sequence: 6, reason: 'left' } });
  });
});
