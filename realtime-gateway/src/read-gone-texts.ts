import type { Pool } from 'pg';
import type { Commit } from './session/commit.ts';
import type { RemovedTexts } from './session/conversation-commit.ts';

/** Messages, as two columns of equal length. */
export interface AskedTexts {
  conversationIds: string[];
  ordinals: number[];
}

export interface StoredGoneTexts {
  /** Everything that the log took away up to here is in it, as far as it was asked for. */
  asOf: number;
  /** A conversation may occur twice. */
  texts: (RemovedTexts & { conversationId: string })[];
}

interface Row {
  as_of: string | null;
  texts: StoredGoneTexts['texts'];
}

const STATEMENT = `
with asked as (select * from unnest($1::uuid[], $2::int[]) as a(conversation_id, ordinal)),
gone as (
  select conversation_id, array_agg(m.ordinal) as deleted, 0 as expired
  from asked join read_model.messages m using (conversation_id, ordinal)
  where m.deleted_at is not null group by conversation_id
  union all
  select id, '{}', expired_ordinal from read_model.conversations
  where id in (select conversation_id from asked) and expired_ordinal > 0)
select (select min(sequence) from read_model.checkpoints) as as_of,
  coalesce((
    select json_agg(json_build_object(
      'conversationId', conversation_id, 'deleted', deleted, 'expiredThrough', expired))
    from gone), '[]') as texts`;

/** Which of some messages are deleted, and how far retention has come in their conversations: one snapshot. */
export async function readGoneTexts(pool: Pool, asked: AskedTexts): Promise<StoredGoneTexts> {
  const query = { name: 'gone-texts', text: STATEMENT, values: [asked.conversationIds, asked.ordinals] };
  const { rows } = await pool.query<Row>(query);
  const row = rows[0];
  if (!row) throw new Error('the query for texts gave no row');
  return { asOf: Number(row.as_of ?? 0), texts: row.texts };
}

/** The messages that commits are about, each once. */
export function askedTexts(commits: readonly Commit[]): AskedTexts {
  const asked: AskedTexts = { conversationIds: [], ordinals: [] };
  const seen = new Set<string>();
  for (const commit of commits) {
    if (commit.kind !== 'conversation') continue;
    for (const ordinal of commit.ordinals) {
      const key = `${commit.conversationId} ${ordinal}`;
      if (seen.has(key)) continue;
      seen.add(key);
      asked.conversationIds.push(commit.conversationId);
      asked.ordinals.push(ordinal);
    }
  }
  return asked;
}
