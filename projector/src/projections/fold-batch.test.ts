import { conversationSubject, userSubject } from '@parley/contracts';
import { describe, expect, it } from 'vitest';
import { commitOf, created, cursors, cursorsCommit, numbered, ROOM, sent, uuid } from '../testing/commit.ts';
import { userEvent } from '../testing/user-history.ts';
import { foldBatch } from './fold-batch.ts';

const nothing = () => undefined;

describe('a batch', () => {
  it('gives one command result for each command of a commit', () => {
    const events = numbered([
      created([], { commandid: uuid(70) }),
      sent(1, 'a', { commandid: uuid(71) }),
      sent(2, 'b', { commandid: uuid(71) }),
      sent(3, 'c'),
    ]);
    expect(foldBatch([commitOf(4, events)], nothing).changes.commandResults).toEqual([
      { commandId: uuid(70), aggregate: conversationSubject(ROOM), sequence: 4 },
      { commandId: uuid(71), aggregate: conversationSubject(ROOM), sequence: 4 },
    ]);
  });

  it('answers the commands of a user as well', () => {
    const blocked = userEvent('ann', 'user.blocked', { userId: 'bob' }, { version: 1 });
    const events = [{ ...blocked, commandid: uuid(72) }];
    const { changes } = foldBatch([commitOf(4, events, userSubject('ann'))], nothing);
    expect(changes.commandResults).toEqual([
      { commandId: uuid(72), aggregate: userSubject('ann'), sequence: 4 },
    ]);
    expect(changes.conversations.size).toBe(0);
  });

  it('passes over subjects of a kind it does not know', () => {
    const result = foldBatch(
      [{ ...commitOf(4, [cursors([])], 'evt.00.later.x'), payload: new Uint8Array() }],
      nothing,
    );
    expect(result).toMatchObject({ fault: null, events: 0 });
  });

  it('passes over commits that are applied already', () => {
    const commits = [commitOf(4, numbered([created()])), commitOf(5, numbered([sent(1)], 2))];
    const { changes, fault } = foldBatch(commits, () => ({ version: 1, sequence: 4 }));
    expect(fault).toBeNull();
    expect(changes.conversations.get(ROOM)?.conversation).toMatchObject({ creation: null, version: 2 });
  });

  it('leaves out cursors from before the commits that are applied: they may have been lowered since', () => {
    const entry = { userId: 'bob', readOrdinal: 3 };
    const readBy = (sequence: number) =>
      foldBatch([cursorsCommit(sequence, [entry])], (key) =>
        key === `conv.${ROOM}` ? { version: 9, sequence: 6 } : undefined,
      )
        .changes.conversations.get(ROOM)
        ?.members.get('bob');
    expect(readBy(5)).toBeUndefined();
    expect(readBy(7)).toMatchObject({ readOrdinal: 3 });
  });

  it.each([
    ['a version is missing', numbered([sent(1)], 3), 'has version 3, expected 2'],
    ['a version comes twice', numbered([sent(1)], 1), 'has version 1, expected 2'],
    ['it is created twice', numbered([created()], 2), 'is conversation.created at version 2'],
  ])('ends before the commit when %s', (_, events, reason) => {
    const { changes, progress, fault } = foldBatch(
      [commitOf(1, numbered([created()])), commitOf(2, events)],
      nothing,
    );
    expect(fault).toEqual({ sequence: 2, reason: expect.stringContaining(reason) });
    expect(progress.get(`conv.${ROOM}`)).toEqual({ version: 1, sequence: 1 });
    expect(changes.conversations.get(ROOM)?.messages.size).toBe(0);
  });

  it('ends before a conversation that does not begin with its creation', () => {
    expect(foldBatch([commitOf(2, numbered([sent(1)]))], nothing).fault?.reason).toContain('at version 1');
  });

  it.each([
    ['bytes that are not JSON', new TextEncoder().encode('[{')],
    [
      'data that lacks what the fold needs',
      new TextEncoder().encode(
        JSON.stringify([
          {
            ...created(),
            version: 2,
            type: 'members.removed',
            dataschema: 'urn:parley:event:members.removed:1',
            data: {},
          },
        ]),
      ),
    ],
  ])('ends before a commit with %s, of which nothing is applied', (_, payload) => {
    const commits = [
      commitOf(1, numbered([created()])),
      { ...commitOf(2, []), payload },
      commitOf(3, numbered([sent(1)], 2)),
    ];
    const { changes, fault } = foldBatch(commits, nothing);
    expect(fault?.sequence).toBe(2);
    expect(changes.conversations.get(ROOM)?.conversation).toMatchObject({ version: 1, memberDelta: 1 });
  });
});
