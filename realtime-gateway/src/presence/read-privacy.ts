import type { Pool } from 'pg';
import type { Privacy } from '../session/presence-view.ts';

interface Row {
  user_id: string;
  last_seen_visible: boolean;
  blocked: string[];
}

const STATEMENT = `
select asked.user_id, coalesce(u.last_seen_visible, true) as last_seen_visible,
  array(select b.blocked_id from read_model.blocks b where b.user_id = asked.user_id) as blocked
from unnest($1::text[]) as asked(user_id) left join read_model.users u using (user_id)`;

/** What each of some users lets others see of their presence, in one statement. */
export async function readPrivacy(pool: Pool, users: readonly string[]): Promise<Map<string, Privacy>> {
  const { rows } = await pool.query<Row>({ name: 'presence-privacy', text: STATEMENT, values: [users] });
  return new Map(
    rows.map(({ user_id, last_seen_visible, blocked }) => [
      user_id,
      { lastSeenVisible: last_seen_visible, blocked: new Set(blocked) },
    ]),
  );
}
