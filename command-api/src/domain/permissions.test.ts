import {
  type Command,
  type CommandType,
  type ConversationType,
  commandSchemas,
  type Role,
} from '@parley/contracts';
import { expect, test } from 'vitest';
import type { MessageFact } from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import { command, conversation, fold, messageId, sent } from './decider-spec.ts';
import { ROLES } from './permissions.ts';

type Asker = Role | 'stranger';
type Rows = Record<ConversationType, Record<Asker, string>>;

const askers: Asker[] = [...ROLES, 'stranger'];
const types: ConversationType[] = ['direct', 'group', 'channel'];

/** One word for each of owner, admin, moderator, member, guest, stranger. */
function row(words: string): Record<Asker, string> {
  const list = words.split(/\s+/);
  expect(list).toHaveLength(askers.length);
  return Object.fromEntries(askers.map((asker, index) => [asker, list[index] ?? ''])) as Record<
    Asker,
    string
  >;
}

const everyMember = 'ok ok ok ok ok';
const unknownToStrangers = {
  direct: row(`${everyMember} not-found`),
  group: row(`${everyMember} not-found`),
  channel: row(`${everyMember} forbidden`),
};
const staffOnly = {
  direct: row(`${'not-allowed-here '.repeat(5)}not-found`),
  group: row('ok ok ok forbidden forbidden not-found'),
  channel: row('ok ok ok forbidden forbidden forbidden'),
};

const message = { messageId: messageId(1), sequence: 7 };

/** What each command does for each asker, next to the command that is tried. Exhaustive: the type says so. */
const expected: Record<
  Exclude<CommandType, 'conversation.create'>,
  { rows: Rows; ask(actor: string): Command }
> = {
  'conversation.join': {
    rows: {
      direct: row(`${everyMember} not-found`),
      group: row(`${everyMember} not-found`),
      channel: row(`${everyMember} ok`),
    },
    ask: (actor) => command('conversation.join', actor, {}),
  },
  'conversation.leave': {
    rows: {
      direct: row(`${'not-allowed-here '.repeat(5)}not-found`),
      group: row(`${everyMember} not-found`),
      channel: row(`${everyMember} ok`),
    },
    ask: (actor) => command('conversation.leave', actor, {}),
  },
  'members.add': {
    rows: staffOnly,
    ask: (actor) => command('members.add', actor, { members: [{ userId: 'newcomer', role: 'guest' }] }),
  },
  'members.remove': {
    rows: staffOnly,
    ask: (actor) => command('members.remove', actor, { userIds: ['bystander'] }),
  },
  'message.send': {
    rows: unknownToStrangers,
    ask: (actor) => command('message.send', actor, { body: 'hello' }),
  },
  'message.edit': {
    rows: unknownToStrangers,
    ask: (actor) => command('message.edit', actor, { ...message, body: 'hello again' }),
  },
  'message.delete': { rows: unknownToStrangers, ask: (actor) => command('message.delete', actor, message) },
  'messages.read': {
    rows: unknownToStrangers,
    ask: (actor) => command('messages.read', actor, { ordinal: 1 }),
  },
};

const cases = Object.entries(expected).flatMap(([name, { rows, ask }]) =>
  types.flatMap((type) => askers.map((asker) => ({ name, type, asker, want: rows[type][asker], ask }))),
);

test.each(cases)('$name in a $type by $asker: $want', ({ type, asker, want, ask }) => {
  const roles: Record<string, Role> = { founder: 'owner', bystander: 'guest' };
  if (asker !== 'stranger') roles[asker] = asker;
  const fact: MessageFact = { senderId: asker, ordinal: 1 };
  const decision = decideConversation(fold([conversation(type, roles), sent(1)]), ask(asker), fact);
  expect(decision.kind === 'accept' ? 'ok' : decision.code).toBe(want);
});

test('every command has its expectations', () => {
  const commands = Object.keys(commandSchemas).filter((name) => name !== 'conversation.create');
  expect(Object.keys(expected).sort()).toEqual(commands.sort());
});

test.each(cases.filter(({ type }) => type === 'group'))(
  '$name in nothing by $asker: not-found',
  ({ asker, ask }) => {
    const decision = decideConversation(fold([]), ask(asker), { senderId: asker, ordinal: 1 });
    expect(decision).toMatchObject({ kind: 'reject', code: 'not-found' });
  },
);
