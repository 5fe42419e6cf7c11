import { describe, expect, test } from 'vitest';
import { redactEvent } from './redact-event.ts';

const viewer = (userId: string, isMember: boolean, gone: number[] = []) => ({
  userId,
  isMember,
  isGone: (ordinal: number) => gone.includes(ordinal),
});

const envelope = {
  specversion: '1.0',
  id: 'event',
  source: '/parley',
  subject: 'conversation/1',
  time: '2026-01-01T00:00:00.000Z',
  version: 7,
};
const lowered = {
  ...envelope,
  type: 'cursor.lowered',
  dataschema: 'urn:parley:event:cursor.lowered:1',
  actor: 'bob',
  commandid: 'command',
  commandhash: 'hash',
  correlationid: 'correlation',
  data: { userId: 'bob', ordinal: 3 },
};
const created = (audience: object) => ({
  ...envelope,
  type: 'conversation.created',
  dataschema: 'urn:parley:event:conversation.created:2',
  actor: 'ann',
  data: { type: 'broadcast', audience },
});

describe('a lowered cursor', () => {
  test('is told whole to whom it belongs to', () => {
    expect(redactEvent(lowered, viewer('bob', true))).toEqual(lowered);
  });

  test('keeps its place and nothing else for everybody else', () => {
    expect(redactEvent(lowered, viewer('ann', true))).toEqual({
      ...envelope,
      type: 'cursor.lowered',
      dataschema: 'urn:parley:event:cursor.lowered:1',
      actor: 'parley',
      data: {},
    });
  });
});

describe('a custom audience', () => {
  const custom = created({ kind: 'custom', userIds: ['cyn', 'dan'] });

  test('is named to members', () => {
    expect(redactEvent(custom, viewer('ann', true))).toEqual(custom);
  });

  test('is not named to the audience itself', () => {
    const { data } = redactEvent(custom, viewer('cyn', false));
    expect(data).toEqual({ type: 'broadcast', audience: { kind: 'custom' } });
  });

  test('leaves an audience that names nobody as it is', () => {
    const segment = created({ kind: 'segment', segment: 'staff' });
    expect(redactEvent(segment, viewer('cyn', false))).toEqual(segment);
  });
});

test('any other event passes as it is, data or not', () => {
  const sent = { ...lowered, type: 'message.sent' };
  const bare = { ...envelope, type: 'later.invented' };
  expect(redactEvent(sent, viewer('ann', false))).toBe(sent);
  expect(redactEvent(bare, viewer('ann', false))).toBe(bare);
});

test('the text of a message that is gone is gone from its events, and everything else about it stays', () => {
  const data = {
    messageId: 'm',
    ordinal: 3,
    replies: 1,
    body: 'secret',
    format: 'plain',
    attachments: [{ attachmentId: 'a' }],
    metadata: { a: 1 },
    mentions: { users: ['cyn'], all: false, here: false },
  };
  const sent = { id: 'e', type: 'message.sent', version: 7, data };
  const edited = { ...sent, type: 'message.edited', data: { messageId: 'm', ordinal: 3, body: 'secret' } };
  const deleted = { ...sent, type: 'message.deleted', data: { messageId: 'm', ordinal: 3, reason: 'rude' } };
  const mentions = { users: [], all: false, here: false };
  const kept = { messageId: 'm', ordinal: 3, replies: 1, format: 'plain', attachments: [], mentions };
  expect(redactEvent(sent, viewer('ann', true, [3]))).toEqual({ ...sent, data: kept });
  expect(redactEvent(edited, viewer('ann', true, [3])).data).toEqual({
    messageId: 'm',
    ordinal: 3,
    mentions,
  });
  expect(redactEvent(deleted, viewer('ann', true, [3]))).toBe(deleted);
  expect(redactEvent(sent, viewer('ann', true, [4]))).toBe(sent);
});
