import { expect, test } from 'vitest';
import { encodeItem } from '../session/item.ts';
import { changedPrivacy } from './changed-privacy.ts';

const event = (type: string, actor: string, data: unknown = {}) => ({ id: 'e', type, actor, data });

test.each(['user.blocked', 'user.unblocked', 'profile.changed'])(
  '%s says whose presence to look at',
  (type) => {
    const item = encodeItem(1, [event('user.muted', 'bob'), event(type, 'ann')]);
    expect(changedPrivacy(item)).toEqual(new Set(['ann']));
  },
);

test('other facts say nothing, also when they quote the name of one that does', () => {
  const item = encodeItem(1, [event('user.muted', 'ann', { note: 'user.blocked' }), event('drafted', 'bob')]);
  expect(changedPrivacy(item)).toEqual(new Set());
});
