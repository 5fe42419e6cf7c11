import {
  type CommandInput,
  type CommandType,
  type ConversationType,
  commandSchemas,
} from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { decideConversation } from './decide-conversation.ts';
import type { Facts, NewEvent } from './decider.ts';
import {
  type Attributed,
  command,
  conversation,
  event,
  fact,
  fold,
  messageId,
  sent,
} from './decider-spec.ts';
import { hasPrivilege, permissions, privileges, ROLES } from './permissions.ts';

/** The table as people agreed on it, read anew here: direct, group, channel, broadcast, and whether when archived. */
const TABLE = `
conversation.update       nobody  admin      admin      admin     no
conversation.archive      nobody  admin      admin      admin     yes
conversation.unarchive    nobody  admin      admin      admin     yes
conversation.delete       nobody  owner      owner      owner     yes
conversation.join         nobody  nobody     anyone     nobody    no
conversation.leave        nobody  guest      guest      guest     yes
members.add               nobody  moderator  moderator  admin     no
members.remove            nobody  moderator  moderator  admin     yes
members.set-role          nobody  admin      admin      admin     no
members.ban               nobody  moderator  moderator  admin     yes
members.unban             nobody  moderator  moderator  admin     yes
members.invite            nobody  moderator  moderator  admin     no
members.accept-invite     nobody  invited    invited    invited   no
members.decline-invite    nobody  invited    invited    invited   yes
message.send              guest   guest      guest      owner     no
message.schedule          guest   guest      guest      owner     no
message.edit              guest   guest      guest      guest     no
message.delete            guest   guest      guest      guest     yes
message.react             guest   guest      guest      audience  no
message.unreact           guest   guest      guest      audience  no
message.pin               guest   moderator  moderator  admin     no
message.unpin             guest   moderator  moderator  admin     no
message.report            guest   guest      guest      audience  yes
messages.read             guest   guest      guest      audience  yes
messages.delivered        guest   guest      guest      audience  yes
messages.mark-unread      guest   guest      guest      guest     yes
user.mute                 guest   guest      guest      audience  yes
user.unmute               guest   guest      guest      audience  yes
user.archive              guest   guest      guest      audience  yes
user.unarchive            guest   guest      guest      audience  yes
user.pin                  guest   guest      guest      audience  yes
user.unpin                guest   guest      guest      audience  yes
user.hide-message         guest   guest      guest      audience  yes`;

const PRIVILEGES = `
mention.all               nobody     member     moderator  nobody
message.delete-others     moderator  moderator  moderator  admin
read-only.write           moderator  moderator  moderator  moderator
slow-mode.exempt          moderator  moderator  moderator  moderator`;

const STOPPED_BY_A_BLOCK =
  'message.send message.edit message.react message.unreact message.pin message.unpin';

const RANKS = ['guest', 'member', 'moderator', 'admin', 'owner'];
const TYPES: ConversationType[] = ['direct', 'group', 'channel', 'broadcast'];
const ASKERS = [...RANKS, 'stranger', 'reader', 'invited', 'banned', 'removed'];
const PHASES = ['open', 'archived', 'deleted'] as const;
type Phase = (typeof PHASES)[number];

const rows = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [name = '', direct, group, channel, broadcast, archived] = line.split(/\s+/);
    const rules: Record<ConversationType, string> = {
      direct: direct ?? '',
      group: group ?? '',
      channel: channel ?? '',
      broadcast: broadcast ?? '',
    };
    return { name: name as Addressed, rules, whenArchived: archived === 'yes' };
  });
type Row = (typeof rows)[number];
type Addressed = keyof typeof permissions;

/** What the answer must be, from the words above alone. */
function expected({ name, rules, whenArchived }: Row, type: ConversationType, asker: string, phase: Phase) {
  const rank = RANKS.indexOf(asker);
  const isMember = rank >= 0;
  if (phase === 'deleted') return isMember ? 'conversation-deleted' : 'not-found';
  if (asker === 'banned') return 'banned';
  const isReader = type === 'broadcast' && asker === 'reader';
  const isInvited = asker === 'invited';
  if (!isMember && !isReader && !isInvited && type !== 'channel') return 'not-found';
  const rule = rules[type];
  const changesNothing =
    (name === 'conversation.join' && isMember) ||
    (name === 'conversation.leave' && (isReader || (type === 'channel' && !isMember)));
  if (rule === 'nobody' && !changesNothing) return 'not-allowed-here';
  const allowed =
    changesNothing ||
    rule === 'anyone' ||
    (rule === 'invited' && (isInvited || isMember)) ||
    (rule === 'audience' && (isReader || isMember)) ||
    (RANKS.includes(rule) && rank >= RANKS.indexOf(rule));
  if (!allowed) return 'forbidden';
  if (phase === 'archived' && !whenArchived) return 'conversation-archived';
  return 'ok';
}

const message = { messageId: messageId(1) };

/** What is tried: nothing but the table stands in its way. */
const data: { [T in Addressed]: Omit<CommandInput<T>, 'conversationId'> } = {
  'conversation.update': { title: 'Tea' },
  'conversation.archive': {},
  'conversation.unarchive': {},
  'conversation.delete': {},
  'conversation.join': {},
  'conversation.leave': {},
  'members.add': { members: [{ userId: 'newcomer', role: 'guest' }] },
  'members.remove': { userIds: ['bystander'] },
  'members.set-role': { userId: 'bystander', role: 'member' },
  'members.ban': { userId: 'bystander' },
  'members.unban': { userId: 'banned' },
  'members.invite': { userIds: ['newcomer'], role: 'guest' },
  'members.accept-invite': {},
  'members.decline-invite': {},
  'message.send': { body: 'hello' },
  'message.schedule': { at: '2026-02-01T00:00:00Z', message: { body: 'hello' } },
  'message.edit': { ...message, body: 'hello again' },
  'message.delete': message,
  'message.react': { ...message, emoji: '👍' },
  'message.unreact': { ...message, emoji: '👍' },
  'message.pin': message,
  'message.unpin': message,
  'message.report': { ...message, reason: 'spam' },
  'messages.read': { ordinal: 1 },
  'messages.delivered': { ordinal: 1 },
  'messages.mark-unread': { ordinal: 1 },
  'user.mute': {},
  'user.unmute': {},
  'user.archive': {},
  'user.unarchive': {},
  'user.pin': {},
  'user.unpin': {},
  'user.hide-message': message,
};

function place(type: ConversationType, asker: string, phase: Phase) {
  const roles = { founder: 'owner', bystander: 'guest', removed: 'admin', ...roleOf(asker) } as const;
  const audience = { audience: { kind: 'custom' as const, userIds: ['reader', 'banned'] } };
  const events: (NewEvent | Attributed)[] = [
    conversation(type, roles, type === 'broadcast' ? audience : {}),
    sent(1),
    event('member.invited', { userIds: ['invited'], role: 'member' }),
    event('member.banned', { userId: 'banned' }),
    event('members.removed', { userIds: ['removed'] }),
  ];
  if (phase === 'archived') events.push(event('conversation.archived', {}));
  if (phase === 'deleted') events.push(event('conversation.deleted', {}));
  return fold(events);
}

const roleOf = (asker: string) => (RANKS.includes(asker) ? { [asker]: asker } : {});

function answer(name: Addressed, type: ConversationType, asker: string, phase: Phase, blocked = false) {
  const own = name === 'message.edit' || name === 'message.delete';
  const facts: Facts = { message: fact({ senderId: own ? asker : 'founder' }), blocked };
  const decision = decideConversation(place(type, asker, phase), command(name, asker, data[name], 10), facts);
  return decision.kind === 'accept' ? 'ok' : decision.code;
}

describe.each(rows)('$name', (row) => {
  test.each(TYPES)('in a %s is for whom the table says', (type) => {
    const cases = ASKERS.flatMap((asker) => PHASES.map((phase) => ({ asker, phase })));
    const got = cases.map(
      ({ asker, phase }) => `${asker}, ${phase}: ${answer(row.name, type, asker, phase)}`,
    );
    const want = cases.map(({ asker, phase }) => `${asker}, ${phase}: ${expected(row, type, asker, phase)}`);
    expect(got).toEqual(want);
  });

  test('while one of two has blocked the other is refused, or stays possible', () => {
    const stopped = STOPPED_BY_A_BLOCK.split(' ').includes(row.name);
    const want = stopped ? 'blocked' : expected(row, 'direct', 'member', 'open');
    expect(answer(row.name, 'direct', 'member', 'open', true)).toBe(want);
  });

  test('in a conversation that does not exist is not found', () => {
    const decision = decideConversation(fold([]), command(row.name, 'anna', data[row.name]), {});
    expect(decision).toEqual({ kind: 'reject', code: 'not-found' });
  });
});

test('every command has its row; commands that concern no conversation are refused', () => {
  const addressed = Object.keys(commandSchemas).filter((name) => {
    const { shape } = commandSchemas[name as CommandType].data;
    return 'conversationId' in shape;
  });
  const unlisted = ['conversation.create', 'conversation.expire-messages'];
  expect([...rows.map(({ name }) => name), ...unlisted].sort()).toEqual(addressed.sort());
  expect(Object.keys(permissions).sort()).toEqual(rows.map(({ name }) => name).sort());
  const asked = command('user.block', 'owner', { userId: 'ben' });
  expect(decideConversation(place('group', 'owner', 'open'), asked, {})).toMatchObject({
    code: 'not-allowed-here',
  });
});

test.each([...ASKERS, 'service'])('retention asks for no role: %s', (asker) => {
  const answers = TYPES.flatMap((type) =>
    PHASES.map((phase) => {
      const asked = command('conversation.expire-messages', asker, { throughOrdinal: 1 });
      const decision = decideConversation(place(type, asker, phase), asked, {});
      return decision.kind === 'accept' ? 'ok' : decision.code;
    }),
  );
  expect(answers).toEqual(TYPES.flatMap(() => ['ok', 'ok', 'conversation-deleted']));
});

test.each(PRIVILEGES.trim().split('\n'))('%s', (line) => {
  const [name = '', ...needed] = line.split(/\s+/);
  expect(Object.keys(privileges)).toContain(name);
  for (const [index, type] of TYPES.entries()) {
    const from = RANKS.indexOf(needed[index] ?? '');
    for (const role of ROLES) {
      const want = from >= 0 && RANKS.indexOf(role) >= from;
      expect(hasPrivilege(name as keyof typeof privileges, type, role), `${type} ${role}`).toBe(want);
    }
  }
});
