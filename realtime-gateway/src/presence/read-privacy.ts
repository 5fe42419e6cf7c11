import type { Pool } from 'pg';
import type { Privacy } from '../session/presence-view.ts';

interface Row {
  user_id: string;
  last_seen_visible: boolean;
  blocked: string[];
}

/** A list up to here is kept whole, for whoever watches next; of a longer one only what is asked about is read. */
const WHOLE_LIST = 1_000;

const STATEMENT = `
select asked.user_id, coalesce(u.last_seen_visible, true) as last_seen_visible,
  array(select b.blocked_id from read_model.blocks b where b.user_id = asked.user_id limit ${WHOLE_LIST + 1}) as blocked
from unnest($1::text[]) as asked(user_id) left join read_model.users u using (user_id)`;

const LONG_LISTS = `
select b.user_id, array_agg(b.blocked_id) as blocked from read_model.blocks b
where b.user_id = any($1::text[]) and b.blocked_id = any($2::text[]) group by b.user_id`;

/**
 * What each of some users lets others see of their presence, in one statement, or two when one of them blocks very
 * many: of these the second asks about their watchers only.
 */
export async function readPrivacy(
  pool: Pool,
  users: readonly string[],
  watchersOf: (users: readonly string[]) => ReadonlySet<string>,
): Promise<Map<string, Privacy>> {
  const { rows } = await pool.query<Row>({ name: 'presence-privacy', text: STATEMENT, values: [users] });
  const privacy = new Map<string, Privacy>();
  const long: Row[] = [];
  for (const row of rows) {
    const { user_id, last_seen_visible: lastSeenVisible, blocked } = row;
    if (blocked.length > WHOLE_LIST) long.push(row);
    else privacy.set(user_id, { lastSeenVisible, blocked: new Set(blocked) });
  }
  if (long.length === 0) return privacy;
  const names = long.map(({ user_id }) => user_id);
  const askedAbout = watchersOf(names);
  const values = [names, [...askedAbout]];
  const found = await pool.query<Row>({ name: 'presence-long-lists', text: LONG_LISTS, values });
  const blocked = new Map(found.rows.map((row) => [row.user_id, new Set(row.blocked)]));
  for (const { user_id, last_seen_visible: lastSeenVisible } of long) {
    privacy.set(user_id, { lastSeenVisible, blocked: blocked.get(user_id) ?? new Set(), askedAbout });
  }
  return privacy;
}
