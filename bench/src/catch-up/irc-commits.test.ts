import { decodeCommit, parseSubject } from '@parley/contracts';
import { describe, expect, it } from 'vitest';
import { ircCommits } from './irc-commits.ts';
import type { IrcLine } from './read-lines.ts';

const line = (number: number, rest: Partial<IrcLine>): IrcLine => ({
  room: 'r',
  line: number,
  at: `2010-01-01T00:00:0${number}.000Z`,
  kind: 'message',
  nick: 'ann',
  ...rest,
});

const lines = [
  line(0, { kind: 'notice', text: '=== hello' }),
  line(1, { text: 'hi\u0002 there' }),
  line(2, { nick: 'bob', kind: 'join' }),
  line(3, { nick: 'bob', text: 'hi ann', replyTo: [1] }),
  line(4, { nick: 'bob', kind: 'part' }),
  line(5, { kind: 'quit' }),
];

function made(commits: number) {
  return [...ircCommits(new Map([['r', lines]]), commits)].map((commit) => ({
    ...commit,
    decoded: decodeCommit(commit.payload, { check: true }),
  }));
}

describe('commits of the IRC data', () => {
  it('are what the command API would have stored', () => {
    expect(made(5).flatMap(({ decoded }) => decoded.map(({ type }) => type))).toEqual([
      'conversation.created',
      'message.sent',
      'members.added',
      'message.sent',
      'member.left',
    ]);
  });

  it('have dense versions in each conversation, and a second pass makes new conversations', () => {
    const versions = new Map<string, (number | undefined)[]>();
    for (const { subject, decoded } of made(8)) {
      expect(parseSubject(subject)?.kind).toBe('conversation');
      versions.set(subject, [...(versions.get(subject) ?? []), ...decoded.map(({ version }) => version)]);
    }
    expect([...versions.values()]).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 3],
    ]);
  });

  it('keep replies and drop control characters', () => {
    const [, first, , second] = made(5).flatMap(({ decoded }) => decoded);
    expect(first?.data).toMatchObject({ body: 'hi there', ordinal: 1 });
    expect(second?.data).toMatchObject({
      ordinal: 2,
      replyTo: first?.commandid,
    });
  });
});
