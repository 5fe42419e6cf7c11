import { type UserAnswer, type UsersAnswer, type UserView, userIdSchema } from '@parley/contracts';
import { ProblemError } from '@parley/runtime';
import type { PoolClient } from 'pg';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';

const MAX_USERS = 200;

export interface ProfileRow {
  user_id: string;
  display_name: string | null;
  avatar: string | null;
  status_text: string | null;
  version: number;
}

/** A profile that nobody has set: a user id is no secret, so it is not told from one that does not exist. */
const unset = { display_name: null, avatar: null, status_text: null, version: 0 };

export async function readUser(
  { client, asOf }: Snapshot,
  { params, principal }: QueryRequest<'user'>,
): Promise<UserAnswer> {
  const [row] = await profiles(client, [params.userId]);
  return { asOf, user: userView(row ?? { user_id: params.userId, ...unset }, principal.userId) };
}

/** In the order of the ids asked for; who never set anything is left out. */
export async function readUsers(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'users'>,
): Promise<UsersAnswer> {
  const ids = userIds(query.ids);
  const rows = new Map((await profiles(client, ids)).map((row) => [row.user_id, row]));
  const items = ids.flatMap((id) => {
    const row = rows.get(id);
    return row ? [userView(row, principal.userId)] : [];
  });
  return { asOf, items };
}

async function profiles(client: PoolClient, ids: readonly string[]): Promise<ProfileRow[]> {
  const { rows } = await client.query<ProfileRow>({
    name: 'users',
    text: `select user_id, display_name, avatar, status_text, version from read_model.users
      where user_id = any($1)`,
    values: [ids],
  });
  return rows;
}

export function userView(row: ProfileRow, readerId: string): UserView {
  return {
    userId: row.user_id,
    displayName: row.display_name,
    avatar: row.avatar,
    statusText: row.status_text,
    version: row.user_id === readerId ? row.version : null,
  };
}

/** Commas divide them, so an id may come percent-encoded, and one that holds a comma or a percent sign must. */
function userIds(text: string): string[] {
  const ids = [...new Set(text.split(',').map(decodedId))];
  if (ids.length > MAX_USERS) throw invalid(`must be at most ${MAX_USERS} ids`);
  return ids;
}

function decodedId(encoded: string): string {
  try {
    const parsed = userIdSchema.safeParse(decodeURIComponent(encoded));
    if (parsed.success) return parsed.data;
  } catch {
    // Not percent-encoded: refused as any other id that is none.
  }
  throw invalid('must be user ids with commas between them, each percent-encoded');
}

function invalid(message: string): ProblemError {
  return new ProblemError('invalid-request', { errors: [{ path: 'ids', message }] });
}
