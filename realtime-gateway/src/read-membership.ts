import type { RevokedReason } from '@parley/contracts';
import type { Pool } from 'pg';
import type { Reflected } from './catch-up.ts';
import type { MembershipRow, MembershipSnapshot } from './session/membership.ts';

/** A user's memberships in one snapshot of the read model. */
export interface StoredMembership extends MembershipSnapshot, Reflected {}

interface Row {
  as_of: string | null;
  newest: string | null;
  epoch: string | null;
  memberships: MembershipRow[];
  departures: [conversationId: string, reason: RevokedReason][];
}

/**
 * One statement sees one snapshot: rows and checkpoints agree without a transaction around them. Nothing is appended
 * after a deletion, so the sequence of a deleted conversation is when it was deleted.
 */
const STATEMENT = `
with lanes as (select min(sequence) as as_of, max(sequence) as newest, max(epoch) as epoch from read_model.checkpoints),
mine as (
  select m.conversation_id, m.joined_sequence, m.joined_ordinal, m.role, c.member_count, c.version, c.type, c.settings,
    c.deleted_at, c.sequence
  from read_model.members m join read_model.conversations c on c.id = m.conversation_id
  where m.user_id = $1 and m.left_sequence is null)
select lanes.*,
  coalesce((
    select json_agg(json_build_object(
      'conversationId', conversation_id, 'joinedSequence', joined_sequence, 'joinedOrdinal', joined_ordinal,
      'role', role, 'memberCount', member_count, 'version', version,
      'rules', json_build_object(
        'receipts', (settings ->> 'receipts')::boolean, 'history', settings ->> 'historyVisibility', 'type', type)))
    from mine where deleted_at is null), '[]') as memberships,
  coalesce((
    select json_agg(json_build_array(conversation_id, reason))
    from (
      select m.conversation_id, m.left_reason as reason
      from read_model.members m
      where m.user_id = $1 and m.left_sequence > $2
      union all
      select conversation_id, 'deleted' from mine where deleted_at is not null and sequence > $2) gone
    ), '[]') as departures
from lanes`;

/** `since`: departures up to this sequence are left out. */
export async function readMembership(pool: Pool, userId: string, since: number): Promise<StoredMembership> {
  const query = { name: 'membership', text: STATEMENT, values: [userId, since] };
  const { rows } = await pool.query<Row>(query);
  const row = rows[0];
  if (!row) throw new Error('the membership query gave no row');
  return {
    asOf: Number(row.as_of ?? 0),
    newest: Number(row.newest ?? 0),
    epoch: row.epoch,
    memberships: row.memberships,
    departures: row.departures.map(([conversationId, reason]) => ({ conversationId, reason })),
  };
}
