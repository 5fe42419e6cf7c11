import { conversationSubject, type LogEvent, readsSubject, userSubject } from '@parley/contracts';
import { describe, expect, it } from 'vitest';
import {
  commitOf,
  created,
  cursors,
  cursorsCommit,
  event,
  numbered,
  ROOM,
  sent,
  timeOf,
  uuid,
} from '../testing/commit.ts';
import { userEvent } from '../testing/user-history.ts';
import { NO_EXCEPTIONS } from './exceptions.ts';
import { foldBatch } from './fold-batch.ts';

const nothing = () => undefined;
const KEY = `conv.${ROOM}`;
const OTHER = uuid(0xa0000001);
const otherRoom = (sequence: number, fact: LogEvent, version: number) =>
  commitOf(sequence, numbered([fact], version), conversationSubject(OTHER));

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
    expect(result).toMatchObject({ parked: [], events: 0 });
  });

  it('passes over commits that are applied already', () => {
    const commits = [commitOf(4, numbered([created()])), commitOf(5, numbered([sent(1)], 2))];
    const { changes, parked } = foldBatch(commits, () => ({ version: 1, sequence: 4 }));
    expect(parked).toEqual([]);
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
  ])('parks a commit when %s', (_, events, reason) => {
    const { changes, progress, parked } = foldBatch(
      [commitOf(1, numbered([created()])), commitOf(2, events)],
      nothing,
    );
    expect(parked).toEqual([{ key: KEY, sequence: 2, reason: expect.stringContaining(reason) }]);
    expect(progress.get(KEY)).toEqual({ version: 1, sequence: 1 });
    expect(changes.conversations.get(ROOM)?.messages.size).toBe(0);
  });

  it('parks a conversation that does not begin with its creation', () => {
    expect(foldBatch([commitOf(2, numbered([sent(1)]))], nothing).parked[0]?.reason).toContain(
      'at version 1',
    );
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
  ])('parks a commit with %s and what is behind it; other conversations go on', (_, payload) => {
    const commits = [
      commitOf(1, numbered([created()])),
      { ...commitOf(2, []), payload },
      commitOf(3, numbered([sent(1)], 2)),
      otherRoom(4, created([], { conversationId: OTHER }), 1),
    ];
    const { changes, parked } = foldBatch(commits, nothing);
    expect(parked).toEqual([
      { key: KEY, sequence: 2, reason: expect.any(String) },
      { key: KEY, sequence: 3, reason: null },
    ]);
    expect(changes.conversations.get(ROOM)?.conversation).toMatchObject({ version: 1, memberDelta: 1 });
    expect(changes.conversations.get(OTHER)?.conversation).toMatchObject({ version: 1 });
  });

  it('leaves cursors of a parked conversation with it and applies the others of the same commit', () => {
    const entries = [
      { conversationId: ROOM, userId: 'ann', readOrdinal: 1, at: timeOf(1) },
      { conversationId: OTHER, userId: 'ann', readOrdinal: 2, at: timeOf(1) },
    ];
    const reads = commitOf(9, [event('cursors.advanced', { entries })], readsSubject(ROOM));
    const exceptions = { ...NO_EXCEPTIONS, parked: new Set([KEY]) };
    const { changes, parked } = foldBatch([reads], nothing, exceptions);
    expect(parked).toEqual([{ key: KEY, sequence: 9, reason: null }]);
    expect([...changes.conversations.keys()]).toEqual([OTHER]);
    const later = foldBatch([reads], nothing, { ...NO_EXCEPTIONS, only: KEY });
    expect([...later.changes.conversations.keys()]).toEqual([ROOM]);
  });

  it('parks nothing behind a commit of cursors that cannot be read', () => {
    const commits = [
      { ...cursorsCommit(3, []), payload: new Uint8Array() },
      cursorsCommit(4, [{ userId: 'bob', readOrdinal: 3 }]),
    ];
    const { changes, parked } = foldBatch(commits, nothing);
    expect(parked).toMatchObject([{ key: expect.stringMatching(/^reads\.\d+$/), sequence: 3 }]);
    expect(changes.conversations.get(ROOM)?.members.get('bob')).toMatchObject({ readOrdinal: 3 });
  });

  it('passes over a commit that is skipped, and over the versions that it leaves out, of that conversation only', () => {
    const commits = [
      commitOf(1, numbered([created()])),
      commitOf(2, numbered([sent(1)], 2)),
      commitOf(3, numbered([sent(2)], 3)),
    ];
    const skipped = new Map([[KEY, new Set([2])]]);
    const { changes, progress, parked } = foldBatch(commits, nothing, { ...NO_EXCEPTIONS, skipped });
    expect(parked).toEqual([]);
    expect([...(changes.conversations.get(ROOM)?.messages.keys() ?? [])]).toEqual([2]);
    expect(progress.get(KEY)).toEqual({ version: 3, sequence: 3 });
    const elsewhere = new Map([[`conv.${OTHER}`, new Set([2])]]);
    const without = commits.filter(({ sequence }) => sequence !== 2);
    expect(foldBatch(without, nothing, { ...NO_EXCEPTIONS, skipped: elsewhere }).parked).toMatchObject([
      { sequence: 3 },
    ]);
  });
});
