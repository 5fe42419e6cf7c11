import type { MeAnswer } from '@parley/contracts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { preferencesOf, type StoredPreferences } from './preferences.ts';
import { type ProfileRow, userView } from './users.ts';

interface MeRow extends ProfileRow {
  last_seen_visible: boolean;
  preferences: StoredPreferences | null;
  blocked: string[];
  devices: MeAnswer['devices'];
}

/** What the user has set, and the defaults for all else: everybody has such an answer. */
export async function readMe(
  { client, asOf }: Snapshot,
  { principal: { userId } }: QueryRequest<'me'>,
): Promise<MeAnswer> {
  const { rows } = await client.query<MeRow>({
    name: 'me',
    text: `select me.user_id, u.display_name, u.avatar, u.status_text, coalesce(u.version, 0) as version,
        coalesce(u.last_seen_visible, true) as last_seen_visible, u.preferences,
        array(select blocked_id from read_model.blocks where user_id = $1 order by blocked_id) as blocked,
        array(select json_build_object('deviceId', device_id, 'platform', platform, 'name', name,
            'registeredAt', registered_at)
          from read_model.devices where user_id = $1 order by device_id) as devices
      from (select $1::text as user_id) me left join read_model.users u using (user_id)`,
    values: [userId],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('a select that always has a row had none');
  return {
    asOf,
    user: userView(row, userId),
    lastSeenVisible: row.last_seen_visible,
    preferences: preferencesOf(row.preferences ?? {}),
    blocked: row.blocked,
    devices: row.devices.map((device) => ({
      ...device,
      registeredAt: new Date(device.registeredAt).toISOString(),
    })),
  };
}
