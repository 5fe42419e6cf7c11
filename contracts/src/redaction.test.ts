import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeCommit } from './commit.ts';
import { type EventReader, mayBeRedacted, redactEvent, type StoredEvent } from './redaction.ts';

const fixtures = new URL('../fixtures/events/', import.meta.url);
const stored = (type: string, version: number): StoredEvent => {
  const [event] = decodeCommit(readFileSync(new URL(`${type}.v${version}.json`, fixtures)));
  return { ...event } as unknown as StoredEvent;
};
const owner: EventReader = {
  userId: 'anna',
  isMember: true,
  isModerator: true,
  hiddenThrough: 0,
  expiredThrough: 0,
  isDeleted: () => false,
};
const member: EventReader = { ...owner, userId: 'zoe', isModerator: false };
const stranger: EventReader = { ...member, isMember: false };
const text = (value: unknown): string => JSON.stringify(value);

test.each(readdirSync(fixtures))('%s is shown as it is to a moderator about whom it is', (file) => {
  const [type = '', version = ''] = file.replace('.json', '').split(/\.v(?=\d+$)/);
  const event = stored(type, Number(version));
  expect(redactEvent(event, owner)).toBe(event);
  if (redactEvent(event, stranger) !== event) expect(mayBeRedacted(type)).toBe(true);
});

describe('what is hidden', () => {
  test.each(['member.unbanned', 'member.invited', 'invite.declined', 'invite.revoked', 'cursor.lowered'])(
    '%s keeps its place and nothing else',
    (type) => {
      const event = stored(type, 1);
      const shown = redactEvent(event, member);
      expect(shown).toMatchObject({
        id: event.id,
        version: event.version,
        time: event.time,
        type: 'parley.hidden',
        data: {},
      });
      for (const word of ['anna', 'berta', 'carl', type, String(event.commandid)])
        expect(text(shown)).not.toContain(word);
    },
  );

  test('a ban says to members who is gone, and to moderators why and until when', () => {
    const event = stored('member.banned', 1);
    expect(redactEvent(event, member).data).toEqual({ userId: 'berta', role: 'member' });
    const { role: _, ...outsider } = event.data as Record<string, unknown>;
    expect(redactEvent({ ...event, data: outsider }, member).type).toBe('parley.hidden');
    expect(redactEvent(stored('members.removed', 1), member).data).not.toHaveProperty('reason');
  });

  test('whom a broadcast names only its members see', () => {
    const event = stored('conversation.created', 2);
    expect(redactEvent(event, member)).toBe(event);
    expect(text(redactEvent(event, stranger))).not.toContain('carl');
  });

  test.each(['message.sent', 'message.edited'])(
    '%s of a deleted or expired message has no text, and no hash of it',
    (type) => {
      const event = stored(type, 2);
      const { ordinal } = event.data as { ordinal: number };
      for (const reader of [
        { ...owner, isDeleted: (one: number) => one === ordinal },
        { ...owner, expiredThrough: ordinal },
      ]) {
        const shown = redactEvent(event, reader);
        expect(shown).toMatchObject({ id: event.id, type, version: event.version, data: { ordinal } });
        for (const name of ['body', 'ciphertext', 'metadata']) expect(shown.data).not.toHaveProperty(name);
        for (const name of ['commandid', 'commandhash', 'correlationid'])
          expect(shown).not.toHaveProperty(name);
        expect(shown.data).toMatchObject({ mentions: { users: [], all: false, here: false } });
      }
      expect(
        redactEvent(event, {
          ...owner,
          expiredThrough: ordinal - 1,
          isDeleted: (one) => one === ordinal + 1,
        }),
      ).toBe(event);
    },
  );

  test('a reason for deleting goes with the text when that expires', () => {
    const event = stored('message.deleted', 2);
    const { ordinal } = event.data as { ordinal: number };
    expect(redactEvent(event, { ...owner, isDeleted: () => true })).toBe(event);
    expect(redactEvent(event, { ...owner, expiredThrough: ordinal }).data).not.toHaveProperty('reason');
  });

  test.each(['message.sent', 'message.edited', 'message.deleted', 'reaction.added', 'message.pinned'])(
    '%s about a message from before one joined is not shown where history is for members',
    (type) => {
      const event = stored(type, type.startsWith('message.p') || type.startsWith('r') ? 1 : 2);
      const { ordinal } = event.data as { ordinal: number };
      expect(redactEvent(event, { ...member, hiddenThrough: ordinal }).type).toBe('parley.hidden');
      expect(redactEvent(event, { ...member, hiddenThrough: ordinal - 1 })).toBe(event);
    },
  );
});
