import { AUDIT_SCOPE, type ConversationType } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConversationQuery, enter, type Relation, readAccess } from './access.ts';
import { readAudit } from './queries/audit.ts';
import { ReadModel, timeOf, uuid } from './testing/read-model.ts';
import { insert, principalOf } from './testing/rows.ts';
import { Story } from './testing/story.ts';

/**
 * As a person would write it down: + allowed, f forbidden, b banned, - not found. The columns are the relations below;
 * what a type of conversation does not know is what its readers are instead.
 */
const COLUMNS: readonly Relation[] = [
  'owner',
  'admin',
  'moderator',
  'member',
  'guest',
  'audience',
  'visitor',
  'invited',
  'banned',
  'removed',
  'stranger',
];
const EXPECTED: Record<ConversationQuery, string> = {
  conversation: '+++++++-b--',
  members: '+++++++-b--',
  messages: '+++++++-b--',
  message: '+++++++-b--',
  thread: '+++++++-b--',
  history: '+++++++-b--',
  reactions: '+++++++-b--',
  pins: '+++++++-b--',
  events: '+++++++-b--',
  receipts: '+++++ff-b--',
  bans: '+++ffff-b--',
  conversationInvites: '+++ffff-b--',
  reports: '+++ffff-b--',
  audit: '++fffff-b--',
};
const VERDICTS: Record<string, string> = { '+': 'allowed', f: 'forbidden', b: 'banned', '-': 'not-found' };
const TYPES: readonly ConversationType[] = ['direct', 'group', 'channel', 'broadcast'];
const idOf = (type: ConversationType): string => uuid(TYPES.indexOf(type) + 1);

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
  await model.build();
  for (const type of TYPES) await build(type);
});
afterAll(() => model?.stop());

/** Everybody whom the table names, under the name of what they are; ann is the owner. */
async function build(type: ConversationType): Promise<void> {
  const id = idOf(type);
  const row = type === 'broadcast' ? { audience: 'custom', audience_user_ids: ['audience'] } : {};
  const story = new Story(id, { type, row, sequence: 1_000 * TYPES.indexOf(type) + 1 });
  for (const role of ['owner', 'admin', 'moderator', 'member', 'guest'] as const) {
    story.add({ kind: 'join', user: role, role });
  }
  for (const user of ['removed', 'banned']) {
    story.add({ kind: 'join', user, role: 'owner' });
    story.add({ kind: 'leave', user, reason: 'removed' });
  }
  await story.insert(model.pool);
  const common = { conversation_id: id, at: timeOf(1) };
  await insert(model.pool, 'bans', [
    { ...common, user_id: 'banned', banned_by: 'ann', until: '9999-01-01T00:00:00Z' },
    { ...common, user_id: 'stranger', banned_by: 'ann', until: timeOf(2) },
  ]);
  await insert(model.pool, 'invites', [
    { ...common, user_id: 'invited', role: 'member', invited_by: 'ann', sequence: 1, expires_at: null },
    { ...common, user_id: 'removed', role: 'member', invited_by: 'ann', sequence: 1, expires_at: timeOf(2) },
  ]);
}

async function verdict(query: ConversationQuery, id: string, userId: string): Promise<string> {
  try {
    await model.read(({ client }) => enter(client, query, id, principalOf(userId)));
    return 'allowed';
  } catch (error) {
    return error instanceof ProblemError ? error.code : String(error);
  }
}

/** What somebody of the table's column is in a conversation of a type. */
function relationIn(type: ConversationType, column: Relation): Relation {
  if (column === 'audience') return type === 'broadcast' ? 'audience' : relationIn(type, 'stranger');
  const open: readonly Relation[] = ['visitor', 'invited', 'removed', 'stranger'];
  if (open.includes(column) && type === 'channel') return 'visitor';
  if (column === 'visitor') return 'stranger';
  return column === 'moderator' && type === 'broadcast' ? 'member' : column;
}

describe.each(TYPES)('in a %s', (type) => {
  it.each(Object.entries(EXPECTED) as [ConversationQuery, string][])(
    '%s is for whom the table says',
    async (query, row) => {
      const found: Record<string, string> = {};
      const expected: Record<string, string | undefined> = {};
      for (const column of COLUMNS) {
        found[column] = await verdict(query, idOf(type), column);
        expected[column] = VERDICTS[row.charAt(COLUMNS.indexOf(relationIn(type, column)))];
      }
      expect(found).toEqual(expected);
    },
  );
});

it('the table that is published is the one that was written down', () => {
  const published = Object.entries(readAccess).map(([query, row]) => [
    query,
    COLUMNS.map((column) => Object.entries(VERDICTS).find(([, word]) => word === row[column])?.[0]).join(''),
  ]);
  expect(Object.fromEntries(published)).toEqual(EXPECTED);
});

it('a broadcast reaches a segment by the token, and everybody when it is for all', async () => {
  const id = uuid(20);
  await new Story(id, { type: 'broadcast', row: { audience: 'segment', segment: 'staff' } }).insert(
    model.pool,
  );
  const seen = (segments: string[]) =>
    model.read(({ client }) => enter(client, 'messages', id, principalOf('zoe', segments)));
  await expect(seen(['staff', 'sales'])).resolves.toMatchObject({ isMember: false, hasCursor: true });
  await expect(seen(['sales'])).rejects.toMatchObject({ code: 'not-found' });
  await model.pool.query(
    `update read_model.conversations set audience = 'all', segment = null where id = $1`,
    [id],
  );
  await expect(seen([])).resolves.toMatchObject({ hasCursor: true });
});

it('a deleted conversation is not there for anybody', async () => {
  const id = uuid(21);
  await new Story(id, { type: 'channel', row: { deleted_at: timeOf(9) } }).insert(model.pool);
  for (const userId of ['ann', 'bob', 'zoe'])
    expect(await verdict('conversation', id, userId)).toBe('not-found');
  expect(await verdict('conversation', uuid(404), 'ann')).toBe('not-found');
});

it('who is banned is told until when', async () => {
  await expect(
    model.read(({ client }) => enter(client, 'messages', idOf('group'), principalOf('banned'))),
  ).rejects.toMatchObject({ code: 'banned', extras: { detail: 'until 9999-01-01T00:00:00.000Z' } });
});

describe('the audit', () => {
  const audit = (userId: string, scopes: string[], conversation?: string) =>
    model.read((snapshot) =>
      readAudit(snapshot, {
        params: {},
        query: { limit: 200, conversation },
        principal: { ...principalOf(userId), scopes },
      }),
    );

  it('of everything needs the scope, and says so', async () => {
    await expect(audit('owner', [])).rejects.toMatchObject({
      code: 'insufficient-scope',
      extras: { detail: AUDIT_SCOPE },
    });
    const { items } = await audit('zoe', [AUDIT_SCOPE]);
    expect(new Set(items.map((each) => each.conversationId)).size).toBeGreaterThan(TYPES.length);
  });

  it('of one conversation is for its admins and for the scope', async () => {
    expect((await audit('admin', [], idOf('direct'))).items).not.toHaveLength(0);
    expect((await audit('zoe', [AUDIT_SCOPE], idOf('direct'))).items).not.toHaveLength(0);
    await expect(audit('zoe', [], idOf('direct'))).rejects.toMatchObject({ code: 'not-found' });
  });
});
