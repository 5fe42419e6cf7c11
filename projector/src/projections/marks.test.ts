import { describe, expect, it } from 'vitest';
import {
  commitOf,
  cursorsCommit,
  deleted,
  edited,
  event,
  expired,
  NOBODY,
  numbered,
  reacted,
  replied,
  sent,
  timeOf,
  uuid,
} from '../testing/commit.ts';
import { folded, foldedCommits } from '../testing/folded.ts';

const naming = (...users: string[]) => ({ mentions: { ...NOBODY, users } });

describe('mentions', () => {
  const mentions = (ordinal: number, ...events: Parameters<typeof folded>) =>
    folded(...events).mentions.get(ordinal);

  it('are those of the message; nobody named is no change', () => {
    expect(mentions(4, sent(4, '', {}, naming('bob')))).toEqual({
      replaces: false,
      inThread: false,
      users: new Map([['bob', { sequence: 7, kept: false }]]),
    });
    expect(mentions(4, replied(4, 1, {}, naming('bob')))?.inThread).toBe(true);
    expect(mentions(4, sent(4))).toBeUndefined();
  });

  it('of an edit replace those of the table, but for who stays mentioned', () => {
    expect(mentions(4, edited(4, '', {}, naming('bob')), edited(4, '', {}, naming('bob', 'cyn')))).toEqual({
      replaces: true,
      inThread: false,
      users: new Map([
        ['bob', { sequence: 7, kept: true }],
        ['cyn', { sequence: 7, kept: false }],
      ]),
    });
  });

  it('begin anew for who was out in between', () => {
    const result = mentions(4, edited(4, ''), edited(4, '', {}, naming('bob')));
    expect(result?.users.get('bob')).toEqual({ sequence: 7, kept: false });
  });

  it('of one batch with their message come to its last ones', () => {
    const result = foldedCommits(
      commitOf(5, numbered([sent(4, '', {}, naming('bob', 'cyn'))], 2)),
      commitOf(6, numbered([edited(4, '', {}, naming('cyn', 'dan'))], 3)),
    ).mentions.get(4);
    expect(result).toMatchObject({ replaces: false });
    expect([...(result?.users ?? [])]).toEqual([
      ['cyn', { sequence: 5, kept: false }],
      ['dan', { sequence: 6, kept: false }],
    ]);
  });

  it('of a message that is gone stay as they were', () => {
    const late = edited(4, '', {}, naming('cyn'));
    const result = mentions(4, sent(4, '', {}, naming('bob')), deleted(4), late);
    expect([...(result?.users.keys() ?? [])]).toEqual(['bob']);
    expect(mentions(4, expired(4), late)).toBeUndefined();
  });
});

describe('reactions', () => {
  const turns = (...events: Parameters<typeof folded>) => [...folded(...events).reactions.values()].flat();

  it('are told one change after the other, a repetition not', () => {
    const by = { actor: 'bob', time: timeOf(4) };
    const result = turns(
      reacted(4, '+1', true, by),
      reacted(4, '+1', true, by),
      reacted(4, '+1', false, by),
      reacted(4, 'x', true, by),
    );
    expect(result).toMatchObject([
      { ordinal: 4, emoji: '+1', userId: 'bob', added: true, first: true, latest: false, version: 2 },
      { emoji: '+1', added: false, first: false, latest: true, version: 4, at: timeOf(4) },
      { emoji: 'x', added: true, first: true, latest: true, authorId: 'ann', sequence: 7 },
    ]);
  });

  it('to a message that is gone are void', () => {
    expect(turns(deleted(4), reacted(4, '+1', true))).toEqual([]);
    expect(turns(reacted(4, '+1', true), deleted(4))).toHaveLength(1);
  });
});

describe('pins', () => {
  it('are told one change after the other; on a message that is gone they are void', () => {
    const onMessage = { messageId: uuid(4), ordinal: 4 };
    const pinned = event('message.pinned', onMessage, { actor: 'mod', time: timeOf(4) });
    const unpinned = event('message.unpinned', onMessage);
    expect(folded(pinned, unpinned).pins).toMatchObject([
      { ordinal: 4, version: 2, sequence: 7, at: timeOf(4), by: 'mod', pinned: true },
      { ordinal: 4, version: 3, pinned: false },
    ]);
    expect(folded(expired(4), pinned).pins).toEqual([]);
  });
});

describe('threads', () => {
  it('count their replies and know the last one', () => {
    const thread = folded(replied(4, 1), replied(6, 2, { time: timeOf(4) })).threads.get(1);
    expect(thread).toEqual({
      replies: 2,
      lastReplyOrdinal: 6,
      lastReplyAt: timeOf(4),
      lastReplySequence: 7,
    });
  });

  it('are followed by who began them, who writes in them and who is named there', () => {
    const { followers } = folded(replied(4, 1, { actor: 'bob' }, naming('cyn')));
    expect([...followers.values()]).toEqual([
      { ordinal: 1, userId: 'ann', followedFrom: 1, readOrdinal: 1, raisedTo: 0, cursorSequence: 0 },
      { ordinal: 1, userId: 'bob', followedFrom: 4, readOrdinal: 4, raisedTo: 4, cursorSequence: 0 },
      { ordinal: 1, userId: 'cyn', followedFrom: 3, readOrdinal: 3, raisedTo: 0, cursorSequence: 0 },
    ]);
  });

  it('have been read by who writes in them, from where they began to follow', () => {
    const { followers } = folded(replied(4, 1), replied(6, 2));
    expect(followers.get('1 ann')).toMatchObject({ followedFrom: 1, readOrdinal: 6, raisedTo: 6 });
  });

  it('have cursors of their own, which are void before somebody follows', () => {
    const read = (sequence: number, readOrdinal: number) =>
      cursorsCommit(sequence, [{ userId: 'cyn', readOrdinal, threadOrdinal: 1 }]);
    const called = commitOf(6, numbered([replied(4, 1, { actor: 'bob' }, naming('cyn'))], 2));
    const before = foldedCommits(read(5, 9), called);
    expect(before.followers.get('1 cyn')).toMatchObject({ readOrdinal: 3, raisedTo: 9, cursorSequence: 5 });
    expect(before.members.has('cyn')).toBe(false);
    const after = foldedCommits(called, read(7, 4));
    expect(after.followers.get('1 cyn')).toMatchObject({ followedFrom: 3, readOrdinal: 4, raisedTo: 4 });
  });
});
