import type { CommitItem } from '@parley/contracts';
import { expect, test } from 'vitest';
import { touchesUnread } from './touches-unread.ts';

const commit = (type: string, data: object) =>
  ({ seq: 1, events: [{ type, subject: 'conversation/c1', actor: 'bob', data }] }) as unknown as CommitItem;
const read = (userId: string) => ({ entries: [{ userId, conversationId: 'c1', readOrdinal: 1 }] });

test.each([
  ['message.sent', {}],
  ['message.deleted', {}],
  ['messages.expired', {}],
  ['inbox.muted', {}],
  ['message.hidden', {}],
  ['cursors.advanced', read('ann')],
  ['cursor.lowered', { userId: 'ann' }],
  ['members.added', { members: [{ userId: 'ann' }] }],
  ['members.removed', { userIds: ['ann'] }],
  ['conversation.updated', { settings: { historyVisibility: 'joined' } }],
])('%s may change the badge', (type, data) => {
  expect(touchesUnread(commit(type, data), 'ann')).toBe(true);
});

test.each([
  ['reaction.added', {}],
  ['message.pinned', {}],
  ['cursors.advanced', read('bob')],
  ['members.added', { members: [{ userId: 'bob' }] }],
  ['member.left', { userId: 'bob' }],
  ['conversation.updated', { title: 'x' }],
  ['a.type.of.the.future', {}],
])('%s of others does not', (type, data) => {
  expect(touchesUnread(commit(type, data), 'ann')).toBe(false);
});
