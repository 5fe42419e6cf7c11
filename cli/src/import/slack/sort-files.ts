/** Lists of conversations, and what those in them become. */
export const LISTS = { channels: 'channel', groups: 'group', mpims: 'group', dms: 'direct' } as const;

const USERS = 'users.json';
/** In every export, and nothing of a conversation. */
const PASSED_BY = new Set([
  USERS,
  ...['org_users', 'integration_logs', 'canvases', 'lists', 'huddle_transcripts', 'file_conversations'].map(
    (name) => `${name}.json`,
  ),
  ...Object.keys(LISTS).map((name) => `${name}.json`),
]);
const DAY_FILE = /^(.+)\/\d{4}-\d{2}-\d{2}\.json$/;
/** What operating systems leave everywhere. */
const LITTER = /(^|\/)(\.|__MACOSX\/|(Thumbs\.db|desktop\.ini)$)/i;

/** Where the lists are: in the root, or in a folder that somebody packed whole. Null: there is no list of users. */
export function prefixOf(names: Iterable<string>): string | null {
  const lists = [...names].filter(
    (name) => !LITTER.test(name) && (name === USERS || name.endsWith(`/${USERS}`)),
  );
  const [users] = lists.sort((a, b) => a.length - b.length);
  return users === undefined ? null : users.slice(0, -USERS.length);
}

/** Files of days by their folder, and files of which nothing is known. */
export function sortFiles(
  names: Iterable<string>,
  prefix: string,
): { folders: Map<string, string[]>; strays: string[] } {
  const folders = new Map<string, string[]>();
  const strays: string[] = [];
  for (const name of names) {
    if (LITTER.test(name)) continue;
    const inside = name.startsWith(prefix) ? name.slice(prefix.length) : null;
    const folder = inside === null ? undefined : DAY_FILE.exec(inside)?.[1];
    if (folder === undefined) {
      if (inside === null || !PASSED_BY.has(inside)) strays.push(inside ?? name);
      continue;
    }
    const days = folders.get(folder);
    if (days) days.push(name);
    else folders.set(folder, [name]);
  }
  return { folders, strays };
}
