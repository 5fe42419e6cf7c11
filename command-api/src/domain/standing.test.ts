import { describe, expect, test } from 'vitest';
import { decideConversation } from './decide-conversation.ts';
import { command, conversation, event, fold, sent } from './decider-spec.ts';

describe('an invite or a ban that is over', () => {
  const past = '2026-01-01T00:00:00.005Z';

  test('counts as none', () => {
    const room = fold([
      conversation('group', { anna: 'owner' }),
      event('member.invited', { userIds: ['ben'], role: 'member', expiresAt: past }),
      event('member.banned', { userId: 'cleo', until: past }),
    ]);
    const code = (asker: string, n: number) => {
      const decision = decideConversation(room, command('members.accept-invite', asker, {}, n), {});
      return decision.kind === 'accept' ? 'ok' : decision.code;
    };
    expect([code('ben', 4), code('ben', 5)]).toEqual(['ok', 'not-found']);
    expect([code('cleo', 4), code('cleo', 5)]).toEqual(['banned', 'not-found']);
  });

  test('is named with its end while it holds', () => {
    const detail = (until?: string) => {
      const banned = event('member.banned', { userId: 'cleo', ...(until && { until }) });
      const room = fold([conversation('channel', { anna: 'owner' }), banned]);
      const decision = decideConversation(room, command('conversation.join', 'cleo', {}), {});
      return decision.kind === 'reject' ? decision.extras?.detail : undefined;
    };
    expect(detail(past)).toBe(`Until ${past}.`);
    expect(detail()).toBe('It has no end.');
  });
});

describe('a broadcast for a segment', () => {
  const room = fold([
    conversation('broadcast', { anna: 'owner' }, { audience: { kind: 'segment', segment: 'gold' } }),
    sent(1),
  ]);
  const code = (segments: string[]) => {
    const decision = decideConversation(
      room,
      command('messages.read', 'eve', { ordinal: 1 }, 1, segments),
      {},
    );
    return decision.kind === 'accept' ? 'ok' : decision.code;
  };

  test('reaches whose token has it, and nobody else', () => {
    expect(code(['silver', 'gold'])).toBe('ok');
    expect(code(['silver'])).toBe('not-found');
    expect(code([])).toBe('not-found');
  });
});
