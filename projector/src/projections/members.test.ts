import { describe, expect, it } from 'vitest';
import {
  commitOf,
  created,
  cursorsCommit,
  edited,
  event,
  NOBODY,
  numbered,
  ROOM,
  replied,
  sent,
  timeOf,
} from '../testing/commit.ts';
import { folded, foldedCommits } from '../testing/folded.ts';
import { foldBatch } from './fold-batch.ts';
import type { MemberChange } from './member-change.ts';

function members(...args: Parameters<typeof foldedCommits>): Record<string, MemberChange> {
  return Object.fromEntries(foldedCommits(...args).members);
}

const membersAfter = (...events: Parameters<typeof folded>) => Object.fromEntries(folded(...events).members);

const added = (userId: string, ordinal: number, time = timeOf(0)) =>
  event('members.added', { members: [{ userId, role: 'guest' }], via: 'join', ordinal }, { time });
const left = (userId: string) => event('member.left', { userId });
const lowered = (userId: string, ordinal: number) => event('cursor.lowered', { userId, ordinal });

describe('members', () => {
  it('start reading at the first message when they were there from the beginning', () => {
    const { changes } = foldBatch([commitOf(2, numbered([created(['ann'])]))], () => undefined);
    expect(changes.conversations.get(ROOM)?.members.get('ann')).toMatchObject({
      kind: 'put',
      role: 'member',
      joinedSequence: 2,
      joinedVersion: 1,
      joinedOrdinal: 0,
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
        joinedVersion: 2,
        joinedOrdinal: 12,
        readOrdinal: 12,
        deliveredOrdinal: 12,
        receiptOrdinal: 12,
        lastMentionOrdinal: 0,
        departure: null,
      },
    });
  });

  it('have read what they sent themselves in the main timeline', () => {
    const result = membersAfter(
      sent(3, 'a', { actor: 'bob' }),
      sent(4, 'b', { actor: 'bob' }),
      replied(5, 1),
    );
    expect(result).toMatchObject({
      bob: { kind: 'patch', readOrdinal: 4, deliveredOrdinal: 4, receiptOrdinal: 4, departure: null },
    });
    expect(result).not.toHaveProperty('ann');
  });

  it('keep the highest of their cursors', () => {
    const result = members(
      cursorsCommit(5, [{ userId: 'bob', readOrdinal: 7 }]),
      cursorsCommit(6, [
        { userId: 'bob', readOrdinal: 5 },
        { userId: 'cyn', readOrdinal: 2 },
      ]),
    );
    expect(result).toMatchObject({
      bob: { readOrdinal: 7, deliveredOrdinal: 7, receiptOrdinal: 7, cursorSequence: 6 },
      cyn: { readOrdinal: 2 },
    });
  });

  it('may have received more than they read, and read more than they show', () => {
    const result = members(
      cursorsCommit(5, [
        { userId: 'bob', deliveredOrdinal: 3 },
        { userId: 'bob', readOrdinal: 7, private: true },
        { userId: 'bob', readOrdinal: 2 },
      ]),
    );
    expect(result.bob).toMatchObject({ readOrdinal: 7, deliveredOrdinal: 3, receiptOrdinal: 2 });
  });

  it('merge a cursor into the row they were put with', () => {
    const result = members(
      commitOf(5, numbered([added('bob', 3)], 2)),
      cursorsCommit(6, [{ userId: 'bob', readOrdinal: 8 }]),
    );
    expect(result.bob).toMatchObject({ kind: 'put', readOrdinal: 8, receiptOrdinal: 8 });
  });

  it('go with what they had read; a cursor after that is void', () => {
    const result = members(
      cursorsCommit(5, [{ userId: 'bob', readOrdinal: 3 }]),
      commitOf(6, numbered([left('bob'), lowered('bob', 1)], 2)),
      cursorsCommit(7, [{ userId: 'bob', readOrdinal: 9 }]),
    );
    expect(result.bob).toMatchObject({
      kind: 'patch',
      readOrdinal: 3,
      lowered: false,
      departure: { sequence: 6, reason: 'left' },
    });
  });

  it('say why they went', () => {
    const result = membersAfter(
      event('members.removed', { userIds: ['bob', 'cyn'] }),
      event('member.banned', { userId: 'dan', role: 'member' }),
      event('member.banned', { userId: 'eve' }),
    );
    expect(result).toMatchObject({
      bob: { departure: { sequence: 7, reason: 'removed' } },
      cyn: { departure: { sequence: 7, reason: 'removed' } },
      dan: { departure: { sequence: 7, reason: 'banned' } },
    });
    expect(result).not.toHaveProperty('eve');
  });

  it('begin anew when they come back, but for the mentions of before', () => {
    const called = { mentions: { ...NOBODY, users: ['bob'] } };
    const result = membersAfter(sent(4, '@bob', {}, called), left('bob'), added('bob', 20));
    expect(result.bob).toMatchObject({
      kind: 'put',
      readOrdinal: 20,
      joinedSequence: 7,
      lastMentionOrdinal: 4,
      departure: null,
    });
  });

  it('are put and gone when both happen in one batch', () => {
    expect(membersAfter(added('bob', 20), left('bob')).bob).toMatchObject({
      kind: 'put',
      departure: { sequence: 7, reason: 'left' },
    });
  });

  it('change their role', () => {
    const change = { userId: 'bob', from: 'guest', to: 'admin' } as const;
    expect(membersAfter(event('member.role-changed', change)).bob).toMatchObject({ role: 'admin' });
    expect(membersAfter(added('bob', 1), event('member.role-changed', change)).bob).toMatchObject({
      kind: 'put',
      role: 'admin',
    });
  });

  it('are remembered by the newest main message that names them, also when an edit made it so', () => {
    const called = { mentions: { ...NOBODY, users: ['bob'] } };
    expect(membersAfter(sent(4, '', {}, called), edited(3, '', {}, called)).bob).toMatchObject({
      lastMentionOrdinal: 4,
    });
    expect(membersAfter(replied(4, 1, {}, called))).toEqual({});
  });

  it('go back to an older message, and on from there', () => {
    const back = commitOf(6, numbered([lowered('bob', 4)], 2));
    const read = (sequence: number, readOrdinal: number) =>
      cursorsCommit(sequence, [{ userId: 'bob', readOrdinal }]);
    expect(members(read(5, 9), back).bob).toMatchObject({
      lowered: true,
      readOrdinal: 4,
      deliveredOrdinal: 9,
      receiptOrdinal: 9,
    });
    expect(members(back, read(7, 6)).bob).toMatchObject({
      lowered: true,
      readOrdinal: 6,
      receiptOrdinal: 6,
    });
    expect(members(back).bob).toMatchObject({ readOrdinal: 4, receiptOrdinal: 0 });
    expect(membersAfter(added('bob', 9), lowered('bob', 4)).bob).toMatchObject({
      kind: 'put',
      readOrdinal: 4,
      deliveredOrdinal: 9,
      receiptOrdinal: 9,
    });
  });
});
