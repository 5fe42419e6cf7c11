import type { CommitItem, LogEvent } from '@parley/contracts';
import { expect, test } from 'vitest';
import { EPOCH, History, VIEWER } from '../testing/history.ts';
import { conversationAnswer } from '../testing/history-answers.ts';
import { applyToInbox, type InboxModel, inboxModel } from './inbox.ts';

const room = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const at = (seq: number): string => new Date(Date.UTC(2026, 1, 1) + seq * 1_000).toISOString();

function inbox(...ids: number[]): InboxModel {
  const answer = conversationAnswer(new History());
  const me = {
    role: 'member' as const,
    joinedAt: at(0),
    readOrdinal: 0,
    deliveredOrdinal: 0,
    unread: 0,
    mentions: 0,
    threadUnread: 0,
    muted: false,
    mutedUntil: null,
    archived: false,
    pinned: false,
  };
  const items = ids.map((n) => ({ conversation: { ...answer.conversation, id: room(n), version: 1 }, me }));
  return inboxModel({ asOf: `${EPOCH}:10`, items, nextCursor: null });
}

const idsOf = (model: InboxModel): string[] => model.items.map((item) => item.model.answer.conversation.id);

function commit(
  seq: number,
  subject: string,
  event: Pick<LogEvent, 'type' | 'data'>,
  version = 2,
): CommitItem {
  const envelope = { specversion: '1.0', id: `${seq}`, source: '/parley', dataschema: '', actor: 'bob' };
  const numbered = { ...envelope, subject, time: at(seq), version, ...event } as LogEvent;
  return { seq, events: [numbered] };
}

const sent = (seq: number, n: number, version = 2): CommitItem => {
  const mentions = { users: [], all: false, here: false };
  const content = { body: 'hello', format: 'plain' as const, attachments: [], replies: 0, mentions };
  const data = { messageId: room(seq), ordinal: version - 1, ...content };
  return commit(seq, `conversation/${room(n)}`, { type: 'message.sent', data }, version);
};

const own = (
  seq: number,
  type: 'inbox.archived' | 'inbox.unarchived' | 'inbox.pinned',
  n: number,
): CommitItem => commit(seq, `user/${VIEWER.userId}`, { type, data: { conversationId: room(n) } });

const apply = (model: InboxModel, ...commits: CommitItem[]): InboxModel =>
  commits.reduce((current, each) => applyToInbox(current, each, VIEWER), model);

test('the conversation with the newest message stands first, and counts it', () => {
  const model = apply(inbox(3, 2, 1), sent(11, 1), sent(12, 2), sent(13, 1, 3));
  expect(idsOf(model)).toEqual([room(1), room(2), room(3)]);
  expect(model.items.map((item) => item.model.answer.me?.unread)).toEqual([2, 1, 0]);
  expect(model.missing).toEqual([]);
  expect(model.asOf).toBe(`${EPOCH}:13`);
});

test('what the viewer archives or leaves goes, and is not missed', () => {
  const left = commit(12, `conversation/${room(2)}`, {
    type: 'member.left',
    data: { userId: VIEWER.userId },
  });
  const model = apply(inbox(3, 2, 1), own(11, 'inbox.archived', 3), left, own(13, 'inbox.pinned', 1));
  expect(idsOf(model)).toEqual([room(1)]);
  expect(model.items[0]?.model.answer.me?.pinned).toBe(true);
  expect(model.missing).toEqual([]);
});

test('a conversation that is not in the page and gets a message, or comes out of the archive, is missing', () => {
  const model = apply(inbox(1), sent(11, 7), own(12, 'inbox.unarchived', 8), own(13, 'inbox.archived', 9));
  expect(model.missing).toEqual([room(7), room(8)]);
  expect(apply(model, sent(14, 1)).missing).toEqual(model.missing);
});

test('what the page reflects already changes nothing', () => {
  const model = apply(inbox(2, 1), sent(11, 1));
  expect(apply(model, sent(11, 1))).toEqual(model);
});
