import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReadModel } from './read-model.ts';
import {
  created,
  cursors,
  deleted,
  edited,
  event,
  expired,
  NOBODY,
  reacted,
  replied,
  sent,
  timeOf,
  uuid,
} from './testing/commit.ts';
import { logger, privatePostgres } from './testing/database.ts';
import { projected } from './testing/projected.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let pool: Pool;
beforeAll(async () => {
  postgres = await privatePostgres();
  pool = openReadModel({ databaseUrl: await postgres.readModel(), connections: 4, name: 'test', logger });
});
afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});

const naming = (...users: string[]) => ({ mentions: { ...NOBODY, users } });
const bob = { actor: 'bob' };

describe.each([
  ['one by one', 1],
  ['in one batch', 100],
])('messages written %s', (_, size) => {
  it('keep every text of an edited message, and none of a deleted one', async () => {
    const ciphertext = { alg: 'x', keyId: 'k', data: 'AA==' };
    const rows = await projected(
      pool,
      size,
      created(),
      sent(1, 'a', { time: timeOf(1) }),
      edited(1, 'b', { ...bob, time: timeOf(2) }, naming('cyn')),
      edited(1, 'c', {}, { ciphertext }),
      sent(2, 'never edited'),
      sent(3, 'secret', {}, { attachments: [{ attachmentId: uuid(7) }], metadata: { secret: 1 } }),
      edited(3, 'also secret'),
      deleted(3),
      edited(3, 'too late', {}, naming('cyn')),
      deleted(3, { actor: 'mod' }),
    );
    const texts = rows.message_edits.map(({ ordinal, version, sequence, at, by, body }) => [
      ...[ordinal, version, sequence, by, body],
      ...(at instanceof Date && version !== 4 ? [at.toISOString()] : []),
    ]);
    expect(texts).toEqual([
      [1, 2, '2', 'ann', 'a', timeOf(1)],
      [1, 3, '3', 'bob', 'b', timeOf(2)],
      [1, 4, '4', 'ann', 'c'],
    ]);
    expect(rows.message_edits[1]?.mentions).toEqual({ ...NOBODY, users: ['cyn'] });
    expect(rows.messages).toMatchObject([
      { body: 'c', ciphertext, edit_count: 2, edited_by: 'ann', sent_version: 2, version: 4 },
      { body: 'never edited', edit_count: 0, edited_at: null, sent_version: 5, version: 5 },
      {
        body: null,
        attachments: [],
        metadata: null,
        edit_count: 1,
        deleted_by: 'ann',
        delete_reason: 'spam',
        sent_version: 6,
        version: 8,
      },
    ]);
    expect(rows.mentions).toEqual([]);
    expect(JSON.stringify(rows.messages)).not.toContain('secret');
  });

  it('hold who is mentioned, as the last text has it', async () => {
    const all = { mentions: { ...NOBODY, here: true } };
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob', 'cyn']),
      sent(1, '@bob @cyn', {}, naming('bob', 'cyn')),
      edited(1, '@cyn @dan', {}, naming('cyn', 'dan')),
      edited(1, '@cyn @bob', {}, naming('cyn', 'bob')),
      sent(2, '@here', {}, all),
      edited(2, 'nobody'),
      sent(3, 'all', {}, all),
    );
    expect(rows.mentions.map(({ ordinal, user_id, sequence }) => [ordinal, user_id, sequence])).toEqual([
      [1, 'bob', '4'],
      [1, 'cyn', '2'],
    ]);
    expect(rows.messages.map(({ mentions_all }) => mentions_all)).toEqual([false, false, true]);
    expect(rows.members.map(({ user_id, last_mention_ordinal }) => [user_id, last_mention_ordinal])).toEqual([
      ['ann', 0],
      ['bob', 1],
      ['cyn', 1],
    ]);
    expect(rows.conversations[0]).toMatchObject({ last_mention_all_ordinal: 3 });
  });

  it('hold reactions and pins, each change once, none on what is gone', async () => {
    const pinned = (ordinal: number) => event('message.pinned', { messageId: uuid(ordinal), ordinal }, bob);
    const rows = await projected(
      pool,
      size,
      created(),
      sent(1),
      sent(2),
      reacted(1, '+1', false, bob),
      reacted(1, '+1', true, bob),
      reacted(1, '+1', true, bob),
      reacted(1, '+1', false, bob),
      reacted(1, '+1', true, bob),
      reacted(1, '+1', true, { actor: 'cyn' }),
      reacted(1, 'x', true, bob),
      reacted(1, 'x', true, bob),
      pinned(1),
      event('message.unpinned', { messageId: uuid(1), ordinal: 1 }),
      deleted(2),
      reacted(2, '+1', true, bob),
      pinned(2),
    );
    expect(rows.reactions.map((row) => [row.ordinal, row.version, row.added, row.latest])).toEqual([
      [1, 5, true, false],
      [1, 7, false, false],
      [1, 8, true, true],
      [1, 9, true, true],
      [1, 10, true, true],
    ]);
    expect(rows.reactions[0]).toMatchObject({ emoji: '+1', user_id: 'bob', author_id: 'ann', sequence: '5' });
    expect(rows.pins.map(({ ordinal, version, by, pinned }) => [ordinal, version, by, pinned])).toEqual([
      [1, 12, 'bob', true],
      [1, 13, 'ann', false],
    ]);
  });

  it('hold threads, who follows them and how far', async () => {
    const rows = await projected(
      pool,
      size,
      created(['ann', 'bob', 'cyn', 'dan']),
      sent(1),
      cursors([{ userId: 'ann', readOrdinal: 1, threadOrdinal: 1 }]),
      replied(2, 1, bob, naming('cyn')),
      sent(3, 'main'),
      replied(4, 2, { ...bob, time: timeOf(9) }),
      cursors([
        { userId: 'cyn', readOrdinal: 2, threadOrdinal: 1 },
        { userId: 'dan', readOrdinal: 4, threadOrdinal: 1 },
      ]),
    );
    expect(rows.threads).toMatchObject([
      {
        ordinal: 1,
        reply_count: 2,
        last_reply_ordinal: 4,
        last_reply_at: new Date(timeOf(9)),
        last_reply_sequence: '6',
      },
    ]);
    expect(rows.thread_followers.map((row) => [row.user_id, row.followed_from, row.read_ordinal])).toEqual([
      ['ann', 1, 1],
      ['bob', 2, 4],
      ['cyn', 1, 2],
    ]);
    expect(rows.messages.map(({ replies, thread_ordinal }) => [replies, thread_ordinal])).toEqual([
      [0, null],
      [1, 1],
      [0, null],
      [2, 1],
    ]);
    expect(rows.conversations[0]).toMatchObject({
      message_count: 4,
      reply_count: 2,
      last_main_ordinal: 3,
      last_reply_ordinal: 4,
      last_message_sequence: '5',
    });
  });

  it('are said in the audit to be deleted, without why once they expired', async () => {
    const mod = { actor: 'mod' };
    const halved = {
      ...deleted(3, mod),
      data: { ...deleted(3).data, reason: 'half \ud800' },
    };
    const rows = await projected(
      pool,
      size,
      created(['ann', 'mod']),
      sent(1),
      replied(2, 1),
      sent(3),
      sent(4),
      sent(5),
      { ...deleted(2, mod), data: { ...deleted(2).data, threadOrdinal: 1 } } as ReturnType<typeof deleted>,
      halved as ReturnType<typeof deleted>,
      deleted(4),
      deleted(4, mod),
      deleted(5, mod),
      expired(1),
      expired(4),
      deleted(1, mod),
    );
    const details = rows.audit.flatMap((row) => (row.type === 'message.deleted' ? [row.details] : []));
    const of = (ordinal: number) => ({ messageId: uuid(ordinal), ordinal, authorId: 'ann' });
    expect(details).toEqual([{ ...of(2), threadOrdinal: 1 }, of(3), { ...of(5), reason: 'spam' }]);
  });

  it('hold stubs of what expired, and nothing brings its text back', async () => {
    const rows = await projected(
      pool,
      size,
      created(),
      sent(1, 'secret', {}, { metadata: { secret: 1 }, attachments: [{ attachmentId: uuid(7) }] }),
      edited(1, 'secret too'),
      sent(2, 'secret'),
      deleted(2, { actor: 'mod' }),
      sent(3, 'kept'),
      edited(3, 'kept as well'),
      expired(2),
      edited(1, 'secret again'),
      deleted(1, { actor: 'mod' }),
      reacted(1, '+1', true),
    );
    const emptied = { body: null, ciphertext: null, attachments: [], metadata: null, delete_reason: null };
    expect(rows.messages).toMatchObject([
      { ...emptied, message_id: uuid(1), sequence: '2', edit_count: 1, deleted_at: null },
      { ...emptied, message_id: uuid(2), deleted_by: 'mod' },
      { body: 'kept as well' },
    ]);
    expect(rows.message_edits.map(({ ordinal, body }) => [ordinal, body])).toEqual([
      [3, 'kept'],
      [3, 'kept as well'],
    ]);
    expect(rows.reactions).toEqual([]);
    expect(rows.conversations[0]).toMatchObject({ expired_ordinal: 2, message_count: 3 });
  });
});
