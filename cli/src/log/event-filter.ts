import { parseSubject } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';
import type { EventRow } from './event-row.ts';

/** Which events are looked at; what is not said does not matter. */
export interface EventFilter {
  conversation?: string | undefined;
  /** Who did it, whose it is, or whom it is about. */
  user?: string | undefined;
  /** Globs: `message.*`. Any of them fits; none = every type. */
  types: readonly string[];
}

export type EventSelector = (row: EventRow) => EventRow | null;

/** Says of a row whether it is looked at. Of cursors, which stand in one event for many people, only the entries that are. */
export function eventSelector({ conversation, user, types }: EventFilter): EventSelector {
  const patterns = types.map(globPattern);
  return (row) => {
    if (patterns.length > 0 && !patterns.some((pattern) => pattern.test(row.type))) return null;
    if (conversation === undefined && user === undefined) return row;
    const entries = entriesOf(row);
    if (entries)
      return withEntries(
        row,
        entries.filter((entry) => entryFits(entry, conversation, user)),
      );
    if (conversation !== undefined && row.conversationId !== conversation) return null;
    return user === undefined || concerns(row, user) ? row : null;
  };
}

/** False only when no event of the commit can fit: most of a log need not be decoded to look at one conversation. */
export function mayFit({ subject }: CommitRecord, { conversation }: EventFilter): boolean {
  if (conversation === undefined) return true;
  const aggregate = parseSubject(subject);
  return aggregate?.kind !== 'conversation' || aggregate.id === conversation;
}

function globPattern(glob: string): RegExp {
  const literal = (text: string): string => text.replace(/[\\^$.|+()[\]{}]/g, '\\$&').replaceAll('?', '.');
  return new RegExp(`^${glob.split('*').map(literal).join('.*')}$`);
}

type Fields = Readonly<Record<string, unknown>>;

function entriesOf({ aggregate, data }: EventRow): Fields[] | null {
  const { entries } = data as Fields;
  return aggregate === 'reads' && Array.isArray(entries) ? entries.filter(isFields) : null;
}

function entryFits(entry: Fields, conversation: string | undefined, user: string | undefined): boolean {
  if (conversation !== undefined && entry.conversationId !== conversation) return false;
  return user === undefined || entry.userId === user;
}

function withEntries(row: EventRow, entries: readonly Fields[]): EventRow | null {
  return entries.length > 0 ? { ...row, data: { ...(row.data as Fields), entries } } : null;
}

function concerns({ actor, userId, data }: EventRow, user: string): boolean {
  return actor === user || userId === user || names(data, user);
}

const ONE_PERSON = ['userId', 'authorId', 'replyToAuthor', 'threadAuthor'];
const PEOPLE = ['userIds', 'users'];
const NESTED = ['members', 'mentions', 'audience', 'message'];

/** By the names of fields, not by type: events that this build does not know keep to them too. */
function names(data: unknown, user: string): boolean {
  if (Array.isArray(data)) return data.some((each) => names(each, user));
  if (!isFields(data)) return false;
  return (
    ONE_PERSON.some((field) => data[field] === user) ||
    PEOPLE.some((field) => Array.isArray(data[field]) && data[field].includes(user)) ||
    NESTED.some((field) => names(data[field], user))
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
