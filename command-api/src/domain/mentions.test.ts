import { MAX_BODY_CHARACTERS, MAX_MENTIONED_USERS } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mentionsIn } from './mentions.ts';

const members = new Set(['anna', 'ben', 'Cleo', 'd.e:f-g_1', 'ünal', 'eve@example.com', 'two words', 'all']);
const read = (body: string | undefined, everybody = true) =>
  mentionsIn(body, { author: 'anna', members, everybody });
const users = (body: string) => read(body).users;

describe('a mention', () => {
  test.each<[string, string[]]>([
    ['@ben', ['ben']],
    ['hi @ben, and @Cleo!', ['ben', 'Cleo']],
    ['(@ben) "@ben" -@ben', ['ben']],
    ['@ünal @d.e:f-g_1', ['ünal', 'd.e:f-g_1']],
    ['ends a sentence with @ben.', ['ben']],
    ['asks @ben: and @Cleo--', ['ben', 'Cleo']],
    ['<@eve@example.com> and <@two words>', ['eve@example.com', 'two words']],
    ['<@ben', ['ben']],
  ])('is found in %j', (body, found) => {
    expect(users(body)).toEqual(found);
  });

  test.each([
    'ben',
    'x@ben',
    '9@ben',
    '_@ben',
    '@@ben',
    'mail.@ben',
    'https://host/@ben',
    '@benjamin',
    '@ben.smith',
    '@Ben',
    '@cleo',
    '@ ben',
    '<@ ben>',
    '<@benjamin>',
    '@...',
    '@',
  ])('is not found in %j', (body) => {
    expect(users(body)).toEqual([]);
  });

  test.each<[string, string[]]>([
    ['`@ben`', []],
    ['`@ben` @Cleo', ['Cleo']],
    ['```\n@ben ` @ben\n``` @Cleo', ['Cleo']],
    ['``a ` @ben`` @Cleo', ['Cleo']],
    ['one ` tick @ben', ['ben']],
    ['`a`@ben', ['ben']],
    ['`` @ben ` @Cleo', ['ben', 'Cleo']],
    ['<@`b`en>', []],
  ])('in code does not count: %j', (body, found) => {
    expect(users(body)).toEqual(found);
  });

  test('of oneself, of a stranger, or a second time does not count', () => {
    expect(users('@anna @stranger @ben @ben <@ben>')).toEqual(['ben']);
  });

  test('of everybody counts for who may call them, and is a word for the others', () => {
    expect(read('@all')).toEqual({ users: [], all: true, here: false });
    expect(read('@here, @ben')).toEqual({ users: ['ben'], all: false, here: true });
    expect(read('@all @here @ben', false)).toEqual({ users: ['ben'], all: false, here: false });
    expect(read('@allison @All a@all `@all`')).toEqual({ users: [], all: false, here: false });
  });

  test('in angle brackets is always a user, whatever they are called', () => {
    expect(read('<@all>')).toEqual({ users: ['all'], all: false, here: false });
  });

  test('in nothing is nobody', () => {
    expect(read(undefined)).toEqual({ users: [], all: false, here: false });
  });

  test('beyond the limit is left out', () => {
    const many = new Set(Array.from({ length: MAX_MENTIONED_USERS + 5 }, (_, n) => `user${n}`));
    const body = [...many].map((userId) => `@${userId}`).join(' ');
    const found = mentionsIn(body, { author: 'anna', members: many, everybody: false });
    expect(found.users).toEqual([...many].slice(0, MAX_MENTIONED_USERS));
  });

  test('is looked for in any text, and only members other than the author are found', () => {
    const piece = fc.constantFrom(
      '@',
      '<@',
      '>',
      '`',
      '``',
      'ben',
      'anna',
      'all',
      '.',
      ' ',
      '/',
      '\u{1f600}',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const found = users(pieces.join(''));
        expect(found.every((userId) => userId !== 'anna' && members.has(userId))).toBe(true);
        expect(new Set(found).size).toBe(found.length);
      }),
    );
  });

  test.each(['@', '<@', '`', '@.', '` `` ', '@a<@b>`', '@..........'])(
    'is looked for in a long row of %j without running away',
    (piece) => {
      const body = piece.repeat(MAX_BODY_CHARACTERS / piece.length);
      expect(users(body)).toEqual([]);
    },
  );
});
