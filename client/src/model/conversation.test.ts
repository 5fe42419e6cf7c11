import type { CommitItem, EventData } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { History, messageId, ROOM, VIEWER } from '../testing/history.ts';
import { conversationAnswer } from '../testing/history-answers.ts';
import { applyToConversation, type ConversationModel, conversationModel } from './conversation.ts';

/** A room of ann, who looks, and bob, who writes. */
class Room {
  readonly history = new History();

  constructor() {
    const members = ['ann', 'bob'].map((userId) => ({ userId, role: 'member' as const }));
    const { settings } = conversationAnswer(this.history).conversation;
    this.history.commit([
      { type: 'conversation.created', actor: 'bob', data: { type: 'group', members, settings } },
    ]);
  }

  says(change: Partial<EventData<'message.sent'>> = {}, actor = 'bob'): CommitItem {
    const ordinal = this.history.messages.length + 1;
    const mentions = { users: [], all: false, here: false };
    const content = {
      body: `text ${ordinal}`,
      format: 'plain' as const,
      attachments: [],
      replies: 0,
      mentions,
    };
    const data = { messageId: messageId(ordinal), ordinal, ...content, ...change };
    return this.history.commit([{ type: 'message.sent', actor, data }]);
  }

  reads(readOrdinal: number): CommitItem {
    const entry = { conversationId: ROOM, userId: 'ann', readOrdinal, at: this.history.time };
    return this.history.commit([{ type: 'cursors.advanced', actor: 'ann', data: { entries: [entry] } }]);
  }

  deletes(ordinal: number): CommitItem {
    const data = { messageId: messageId(ordinal), ordinal, authorId: 'bob' };
    return this.history.commit([{ type: 'message.deleted', actor: 'bob', data }]);
  }

  lowers(ordinal: number): CommitItem {
    return this.history.commit([{ type: 'cursor.lowered', actor: 'ann', data: { userId: 'ann', ordinal } }]);
  }

  /** What the model shows and calls stale has to be what the history says. */
  agrees(model: ConversationModel | null): void {
    expect(model?.stale).toEqual([]);
    expect(model?.answer).toEqual(conversationAnswer(this.history));
  }

  model(): ConversationModel {
    return conversationModel(conversationAnswer(this.history));
  }
}

const apply = (model: ConversationModel | null, ...commits: CommitItem[]): ConversationModel | null =>
  commits.reduce((current, commit) => current && applyToConversation(current, commit, VIEWER), model);

const mentioning = { mentions: { users: ['ann'], all: false, here: false } };

describe('unread is exact', () => {
  test('for all that comes after the snapshot: sent, mentioned, deleted, read in part, marked unread', () => {
    const room = new Room();
    let model: ConversationModel | null = room.model();
    for (let n = 0; n < 6; n++) model = apply(model, room.says(n % 2 === 0 ? mentioning : {}));
    room.agrees(model);
    expect(model?.answer.me).toMatchObject({ unread: 6, mentions: 3 });
    for (const commit of [
      room.deletes(3),
      room.reads(4),
      room.lowers(1),
      room.reads(5),
      room.says({}, 'ann'),
    ]) {
      model = apply(model, commit);
    }
    room.agrees(model);
    expect(model?.answer.me).toMatchObject({ unread: 0, mentions: 0, readOrdinal: 7 });
  });

  test('for what was there before, while every message of it counts', () => {
    const room = new Room();
    for (let n = 0; n < 6; n++) room.says();
    let model: ConversationModel | null = room.model();
    model = apply(model, room.deletes(5), room.reads(2), room.deletes(4), room.says());
    room.agrees(model);
    expect(model?.answer.me).toMatchObject({ unread: 3 });
  });

  test('when more messages have come than are remembered one by one', () => {
    const room = new Room();
    let model: ConversationModel | null = room.model();
    for (let n = 0; n < 700; n++) model = apply(model, room.says(n === 50 ? mentioning : {}));
    room.agrees(model);
    model = apply(model, room.deletes(90), room.reads(100));
    expect(model?.stale).toEqual(['mentions']);
    expect(model?.answer.me?.unread).toBe(600);
    room.agrees(apply(model, room.reads(700)));
  });
});

describe('a number that events do not tell is called stale, and comes back with reading', () => {
  test('a message is deleted of which nobody knows whether it counted', () => {
    const room = new Room();
    for (let n = 0; n < 4; n++) room.says();
    room.deletes(2);
    const model = apply(room.model(), room.deletes(3));
    expect(model?.stale).toEqual(['unread']);
    room.agrees(apply(model, room.reads(4), room.says()));
  });

  test('a mention before the snapshot is read, but not all that was before it', () => {
    const room = new Room();
    for (let n = 0; n < 4; n++) room.says(n === 0 ? mentioning : {});
    const model = apply(room.model(), room.reads(2));
    expect(model?.stale).toEqual(['mentions']);
    expect(model?.answer.me?.unread).toBe(2);
  });

  test('a cursor goes back to before the snapshot', () => {
    const room = new Room();
    for (let n = 0; n < 4; n++) room.says();
    room.reads(4);
    const model = apply(room.model(), room.lowers(1));
    expect(model?.stale).toEqual(['unread', 'mentions']);
    expect(model?.answer.me?.readOrdinal).toBe(1);
  });

  test('a reply comes in a thread that the viewer may follow; in their own that is known it counts', () => {
    const room = new Room();
    const start = room.model();
    const roots = [room.says({}, 'ann'), room.says()];
    const reply = (root: number, author: string) =>
      room.says({ threadId: messageId(root), threadOrdinal: root, threadAuthor: author, replies: 1 });
    const later = room.model();
    const replied = reply(1, 'ann');
    expect(apply(later, replied)?.stale).toEqual(['threadUnread']);
    const model = apply(start, ...roots, replied);
    room.agrees(model);
    expect(model?.answer.me).toMatchObject({ threadUnread: 1, unread: 1 });
    expect(apply(model, reply(2, 'bob'))?.stale).toEqual(['threadUnread']);
  });
});

test('a commit twice, or of another conversation, changes nothing', () => {
  const room = new Room();
  const model = room.model();
  const sent = room.says();
  const once = apply(model, sent);
  expect(apply(once, sent)).toBe(once);
  const other = structuredClone(sent);
  for (const event of other.events) event.subject = 'conversation/other';
  expect(apply(model, other)).toBe(model);
});

test('missing versions are noticed', () => {
  const room = new Room();
  const model = room.model();
  room.says();
  expect(apply(model, room.says())?.stale).toEqual(['conversation']);
});

test.each([
  ['leaves', { type: 'member.left', actor: 'ann', data: { userId: 'ann' } }],
  ['is removed', { type: 'members.removed', actor: 'bob', data: { userIds: ['ann'] } }],
  ['is banned', { type: 'member.banned', actor: 'bob', data: { userId: 'ann', role: 'member' } }],
  ['loses it to a deletion', { type: 'conversation.deleted', actor: 'bob', data: {} }],
] as const)('there is nothing to show once the viewer %s', (_, event) => {
  const room = new Room();
  const model = room.model();
  const data = structuredClone(event.data) as never;
  expect(apply(model, room.history.commit([{ ...event, data }]))).toBeNull();
});
