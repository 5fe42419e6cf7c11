import type { CommitItem } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commitOf } from './testing/simulated-gateway.ts';
import { beginsMembership, NO_VERSIONS, spanOf, versionOf, withVersion } from './version-track.ts';

test('a track holds what a map would, and the older ones stay as they were', () => {
  const step = fc.tuple(
    fc.integer({ min: 0, max: 150 }).map((n) => `c${n}`),
    fc.option(fc.integer({ min: 1, max: 9 })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const plain = new Map<string, number>();
      let track = NO_VERSIONS;
      for (const [id, version] of steps) {
        const before = track;
        const last = versionOf(before, id);
        track = withVersion(before, id, version);
        expect(versionOf(before, id)).toBe(last);
        if (version === null) plain.delete(id);
        else plain.set(id, version);
        expect(track.recent.size).toBeLessThanOrEqual(64);
      }
      for (let n = 0; n <= 150; n++) expect(versionOf(track, `c${n}`)).toBe(plain.get(`c${n}`));
    }),
  );
});

describe('the versions of a commit', () => {
  test('are those of its conversation, from the first event shown to the last', () => {
    expect(spanOf(commitOf(5, 'c', 3, 6))).toEqual({ conversation: 'c', first: 3, last: 6 });
  });

  test.each([
    ['cursors', { subject: 'reads/00', version: 3 }],
    ['an own event', { subject: 'user/ann', version: 3 }],
    ['an event without a version', { subject: 'conversation/c' }],
    ['an event without a subject', {}],
  ])('%s has none', (_, event) =>
    expect(spanOf({ seq: 1, events: [event] } as unknown as CommitItem)).toBeNull(),
  );
});

describe('a membership begins', () => {
  const begins = (...events: unknown[]) =>
    beginsMembership({ seq: 1, events } as unknown as CommitItem, 'ann');
  const members = [{ userId: 'bob' }, { userId: 'ann' }];

  test('with the event that names the user, when it is the first that is shown', () => {
    for (const type of ['members.added', 'conversation.created']) {
      expect(begins({ type, data: { members } })).toBe(true);
      expect(begins({ type, data: { members: members.slice(0, 1) } })).toBe(false);
      expect(begins({ type: 'message.sent', data: {} }, { type, data: { members } })).toBe(false);
    }
    expect(begins({ type: 'member.left', data: { userId: 'ann' } })).toBe(false);
  });

  test.each([1, null, {}, { members: 'ann' }, { members: [null] }])(
    'not with data that is none: %j',
    (data) => {
      expect(begins({ type: 'members.added', data })).toBe(false);
    },
  );
});
