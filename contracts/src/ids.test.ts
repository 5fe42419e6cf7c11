import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  commandIdSchema,
  conversationIdSchema,
  directConversationId,
  PARTITIONS,
  partitionOf,
  timeOfUuidv7,
  userIdSchema,
  userToken,
} from './ids.ts';
import { formatPosition, parsePosition, positionSchema } from './position.ts';
import { conversationSubject, parseSubject, readsSubject, userSubject } from './subjects.ts';

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 });
const userId = anyText.filter((id) => userIdSchema.safeParse(id).success);
const conversationId = fc.uuid({ version: [5, 7] });

describe('a user id', () => {
  test('is at most 128 bytes, without control characters and lone surrogates', () => {
    for (const id of ['a', 'anna@example.org', 'Ünïcödé 😀', 'a.b.*.>', 'x'.repeat(128), 'é'.repeat(64)]) {
      expect(userIdSchema.safeParse(id).success).toBe(true);
    }
    for (const id of ['', 'x'.repeat(129), 'é'.repeat(65), 'a\nb', '\u0000', '\u0085', '\ud800', 7, null]) {
      expect(userIdSchema.safeParse(id).success).toBe(false);
    }
  });

  test('becomes a subject token of its own, whatever is in it', () => {
    fc.assert(
      fc.property(userId, userId, (a, b) => {
        expect(userToken(a)).toMatch(/^~?[A-Za-z0-9_-]+$/);
        expect(userToken(a) === userToken(b)).toBe(a === b);
        if (/^[A-Za-z0-9_-]+$/.test(a)) expect(userToken(a)).toBe(a);
        else expect(Buffer.from(userToken(a).slice(1), 'base64url').toString('utf8')).toBe(a);
      }),
    );
    // What one of them encodes to is not what another one is.
    expect(userToken('~YQ')).not.toBe(userToken('a'));
  });
});

describe('an id in a request', () => {
  const good = '01900000-0000-7000-8000-000000000000';
  test.each([
    good.toUpperCase().replace('0', 'A'),
    ` ${good}`,
    `${good}\n`,
    `${good}.`,
    '*',
    '>',
    '',
    good.slice(1),
  ])('is refused as %j', (id) => {
    expect(conversationIdSchema.safeParse(id).success).toBe(false);
    expect(commandIdSchema.safeParse(id).success).toBe(false);
  });

  test('of a command is a UUIDv7 and says when it was made', () => {
    expect(commandIdSchema.safeParse(good).success).toBe(true);
    expect(commandIdSchema.safeParse(good.replace('-7', '-4')).success).toBe(false);
    expect(timeOfUuidv7('019b76da-a800-7000-8000-000000000000')).toBe(Date.UTC(2026, 0, 1));
  });
});

describe('a direct conversation', () => {
  test('has the same id from both sides, and no other pair has it', () => {
    fc.assert(
      fc.property(userId, userId, userId, (a, b, c) => {
        expect(directConversationId(a, b)).toBe(directConversationId(b, a));
        expect(directConversationId(a, b) === directConversationId(a, c)).toBe(b === c);
        expect(conversationIdSchema.safeParse(directConversationId(a, b)).success).toBe(true);
      }),
    );
  });

  test('keeps its id for ever', () => {
    expect(directConversationId('anna', 'ben')).toBe('b078ea07-da51-5373-af8a-b1aabf9ab7a3');
  });
});

describe('a subject', () => {
  test('leads back to what it was made from', () => {
    fc.assert(
      fc.property(conversationId, userId, (id, user) => {
        const partition = partitionOf(id);
        expect(parseSubject(conversationSubject(id))).toEqual({ kind: 'conversation', id, partition });
        expect(parseSubject(readsSubject(id))).toEqual({ kind: 'reads', partition });
        const token = userToken(user);
        expect(parseSubject(userSubject(user))).toEqual({
          kind: 'user',
          token,
          partition: partitionOf(token),
        });
      }),
    );
  });

  test('has a partition of two digits below 32', () => {
    fc.assert(
      fc.property(conversationId, (id) => {
        expect(partitionOf(id)).toBeLessThan(PARTITIONS);
        expect(conversationSubject(id)).toMatch(/^evt\.[0-3]\d\.conv\./);
      }),
    );
  });

  test.each([
    '',
    'evt',
    'evt.00',
    'evt.0.reads',
    'evt.00.reads.x',
    'evt.00.conv',
    'evt.00.conv.',
    'evt.00.conv.a.b',
    'x.00.reads',
    'evt.aa.reads',
    'evt.00.room.a',
  ])('%j is none of ours', (subject) => {
    expect(parseSubject(subject)).toBeNull();
  });
});

describe('a position', () => {
  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat({ max: 999_999_999_999_999 }), (epoch, sequence) => {
        expect(parsePosition(formatPosition(epoch, sequence))).toEqual({ epoch, sequence });
      }),
    );
  });

  const epoch = '01900000-0000-7000-8000-000000000000';
  test.each([
    '',
    ':',
    `${epoch}:`,
    `${epoch}:01`,
    `${epoch}:-1`,
    `${epoch}:1.5`,
    `${epoch}:1e3`,
    `${epoch}: 1`,
    `${epoch}:1\n`,
    `${epoch}:9007199254740993`,
    `x:1`,
  ])('%j is none', (text) => {
    expect(parsePosition(text)).toBeNull();
    expect(positionSchema.safeParse(text).success).toBe(false);
  });
});
