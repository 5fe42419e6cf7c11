import { type EventData, type LogEvent, type UserEventType, userSubject } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitOf, created, cursors, numbered, ROOM, sent, timeOf, uuid } from '../testing/commit.ts';
import { userEvent, userFacts } from '../testing/user-history.ts';
import { arrangeUsers } from '../user-rows.ts';
import { foldBatch } from './fold-batch.ts';
import type { UserChanges } from './user-changes.ts';

const nothing = () => undefined;
const inRoom = { conversationId: ROOM };

/** One commit of ann's, at sequence 5. */
function folded(...events: LogEvent[]) {
  return foldBatch([commitOf(5, numbered(events), userSubject('ann'))], nothing);
}

function annAfter(...events: LogEvent[]): UserChanges {
  const { changes, parked } = folded(...events);
  const ann = changes.users.get('ann');
  expect(parked).toEqual([]);
  if (!ann) throw new Error('no changes of ann');
  return ann;
}

const ann = <T extends UserEventType>(type: T, data: EventData<T>, second = 0) =>
  userEvent('ann', type, data, { time: timeOf(second) });

describe('a mute', () => {
  const muted = ann('inbox.muted', { ...inRoom, until: timeOf(50) });

  it('without an end lasts for ever', () => {
    expect(annAfter(ann('inbox.muted', inRoom)).inbox.get(ROOM)).toMatchObject({
      muted: { sequence: 5, until: 'infinity' },
    });
  });

  it('keeps its interval when it is taken back, and the first end counts', () => {
    const inbox = annAfter(muted, ann('inbox.unmuted', inRoom, 20), ann('inbox.unmuted', inRoom, 30));
    expect(inbox.inbox.get(ROOM)).toMatchObject({ muted: { until: timeOf(50) }, unmutedAt: timeOf(20) });
  });

  it('goes on when its end is changed while it runs, and begins anew when it had ended', () => {
    const again = (first: LogEvent, second: LogEvent) => {
      const commits = [first, second].map((event, index) =>
        commitOf(5 + 4 * index, numbered([event], 1 + index), userSubject('ann')),
      );
      return foldBatch(commits, nothing).changes.users.get('ann')?.inbox.get(ROOM)?.muted;
    };
    const later = { ...inRoom, until: timeOf(90) };
    expect(again(muted, ann('inbox.muted', later, 20))).toMatchObject({ sequence: 5, until: timeOf(90) });
    expect(again(muted, ann('inbox.muted', later, 60))).toMatchObject({
      sequence: 9,
      until: timeOf(90),
      since: null,
    });
  });

  it('begins anew after it was taken back', () => {
    const change = annAfter(ann('inbox.unmuted', inRoom, 20), muted).inbox.get(ROOM);
    expect(change).toMatchObject({ muted: { until: timeOf(50) } });
    expect(change).not.toHaveProperty('unmutedAt');
  });
});

describe('a scheduled message', () => {
  const scheduleId = uuid(40);
  const scheduled = ann('message.scheduled', {
    scheduleId,
    ...inRoom,
    at: timeOf(60),
    message: { body: 'later', format: 'plain', attachments: [] },
  });

  it('is pending until it is released', () => {
    const put = annAfter(scheduled, ann('schedule.released', { scheduleId })).schedules.get(scheduleId);
    expect(put).toMatchObject({ kind: 'put', schedule: { state: 'released', code: null } });
  });

  it.each(['schedule.cancelled', 'schedule.sent'] as const)(
    'is gone after %s, whatever comes then',
    (type) => {
      const events = [
        scheduled,
        ann(type, { scheduleId }),
        ann('schedule.failed', { scheduleId, code: 'x' }),
      ];
      expect(annAfter(...events).schedules.get(scheduleId)).toEqual({ kind: 'gone' });
    },
  );

  it('of an earlier batch takes the newest outcome', () => {
    const events = [
      ann('schedule.released', { scheduleId }),
      ann('schedule.failed', { scheduleId, code: 'blocked' }),
    ];
    expect(annAfter(...events).schedules.get(scheduleId)).toEqual({
      kind: 'patch',
      outcome: { state: 'failed', code: 'blocked' },
    });
  });
});

describe('the events of a user', () => {
  it('merge into changes that no statement meets twice in one table', () => {
    fc.assert(
      fc.property(userFacts, (facts) => {
        const versions = new Map<string, number>();
        const commits = facts.map(({ user, type, data, second }, index) => {
          const version = (versions.get(user) ?? 0) + 1;
          versions.set(user, version);
          const event = userEvent(user, type, data, { version, time: timeOf(second) });
          return commitOf(index + 1, [event], userSubject(user));
        });
        const { changes, parked } = foldBatch(commits, nothing);
        expect(parked).toEqual([]);
        const rows = arrangeUsers(changes.users);
        expect(new Map(rows.users.map(({ userId, row }) => [userId, row.version]))).toEqual(versions);
        const keysOf = (...lists: { userId: string }[][]) =>
          lists.flat().map(({ userId, ...rest }) => JSON.stringify([userId, idOf(rest)]));
        for (const keys of [
          keysOf(rows.inbox),
          keysOf(rows.hidden),
          keysOf(rows.blockPuts, rows.blockDeletions),
          keysOf(rows.devicePuts, rows.deviceDeletions),
          keysOf(rows.schedulePuts, rows.schedulePatches, rows.scheduleDeletions),
        ]) {
          expect(new Set(keys).size).toBe(keys.length);
        }
      }),
    );
  });

  it('are of the user that their subject names, whoever acted', () => {
    const event = { ...ann('user.blocked', { userId: 'bob' }), actor: 'notifier' };
    expect([...folded(event).changes.users.keys()]).toEqual(['ann']);
  });

  it('of an unknown type move the version and nothing else', () => {
    const event = {
      ...ann('user.blocked', { userId: 'bob' }),
      type: 'user.levitated',
    } as unknown as LogEvent;
    expect(annAfter(event)).toMatchObject({ isNew: true, version: 1, sequence: 5, blocks: new Map() });
  });

  it('are found behind those that are applied already', () => {
    const commits = [
      commitOf(4, numbered([ann('user.blocked', { userId: 'bob' })]), userSubject('ann')),
      commitOf(5, numbered([ann('user.unblocked', { userId: 'bob' })], 2), userSubject('ann')),
    ];
    const { changes, progress } = foldBatch(commits, () => ({ version: 1, sequence: 4 }));
    expect(changes.users.get('ann')).toMatchObject({
      isNew: false,
      version: 2,
      blocks: new Map([['bob', null]]),
    });
    expect([...progress.values()]).toEqual([{ version: 2, sequence: 5 }]);
  });
});

describe('a batch ends before', () => {
  const other = userEvent('bob', 'user.blocked', { userId: 'ann' });

  it.each([
    ['an event of another user', numbered([other]), userSubject('ann')],
    ['an event without a user', numbered([{ ...other, subject: 'ann' } as LogEvent]), userSubject('ann')],
    ['a message in the log of a user', numbered([{ ...sent(1), subject: 'user/ann' }]), userSubject('ann')],
    ['cursors in the log of a user', numbered([{ ...cursors([]), subject: 'user/ann' }]), userSubject('ann')],
    ['a message among the cursors', [sent(1)], 'evt.00.reads'],
  ])('%s', (_, events, subject) => {
    const { changes, parked } = foldBatch([commitOf(3, events, subject)], nothing);
    expect(parked).toMatchObject([{ sequence: 3, reason: expect.stringContaining('in the log of') }]);
    expect([changes.users.size, changes.conversations.size]).toEqual([0, 0]);
  });

  it('a fact of a user in a conversation', () => {
    const commit = commitOf(3, numbered([created(), other]));
    const { changes, parked } = foldBatch([commit], nothing);
    expect(parked[0]?.reason).toContain('user.blocked of user/bob in the log of a conversation');
    expect(changes.conversations.size).toBe(0);
  });

  it('a version of a user that comes too late', () => {
    const late = commitOf(3, numbered([other], 2), userSubject('bob'));
    expect(foldBatch([late], nothing).parked[0]?.reason).toContain('has version 2, expected 1');
  });
});

/** What tells the row from the others of its user. */
function idOf(row: object): unknown {
  const { conversationId, ordinal, blockedId, deviceId, scheduleId } = row as Record<string, unknown>;
  return [conversationId, ordinal, blockedId, deviceId, scheduleId];
}
