import {
  conversationSubject,
  type EventReader,
  type EventsPage,
  parsePosition,
  redactEvent,
} from '@parley/contracts';
import { type CommitRecord, ProblemError } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';
import { type Entry, enter } from '../access.ts';
import type { LogReader } from '../log-reader.ts';
import type { ReadQuery } from '../read-query.ts';

type Item = EventsPage['items'][number];

/** A page ends here although its limit is not reached: 500 commits may be 128 MB. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * A sequence such that all commits before it have versions of at most `$2` only: of the newest such fact in the audit, or
 * of the newest such message, which is found by halving, as versions of sending rise with the ordinals.
 */
const START = `with recursive halving (low, high) as (
    select 0, c.message_count from read_model.conversations c where c.id = $1
    union all
    select case when sent.sent_version <= $2 then sent.ordinal else low end,
      case when sent.sent_version <= $2 then high else sent.ordinal - 1 end
    from halving cross join lateral (select m.ordinal, m.sent_version from read_model.messages m
      where m.conversation_id = $1 and m.ordinal = (low + high + 1) / 2) sent
    where low < high)
  select greatest(0,
    (select a.sequence from read_model.audit a where a.conversation_id = $1 and a.version <= $2
      order by a.version desc limit 1),
    (select m.sequence from halving join read_model.messages m
      on m.conversation_id = $1 and m.ordinal = low where low >= high)) as sequence`;

/**
 * The facts of a conversation after a version, as the reader may see them, up to what the read model has folded. A page
 * may hold fewer commits than its limit: it is the last one when its last event has version `head`. Throws `unavailable`
 * while the log is away.
 */
export function eventsFrom(reader: Pick<LogReader, 'log'>, pool: Pool): ReadQuery<'events'> {
  return async ({ client, asOf }, { params: { conversationId }, query, principal }) => {
    const entry = await enter(client, 'events', conversationId, principal);
    const { limit } = query;
    if (entry.since === null || query.after >= entry.version) {
      return { asOf, items: [], head: entry.version };
    }
    const after = Math.max(query.after, entry.since.version - 1);
    const begin = await sequenceBefore(client, conversationId, after);
    return async () => {
      const { log } = reader;
      if (log.epoch !== parsePosition(asOf)?.epoch) {
        throw new ProblemError('unavailable', { detail: 'the read model is of another log' });
      }
      const commits = log.read(conversationSubject(conversationId), Math.max(0, begin - 1));
      const stored = await readPage(commits, { after, limit, entry });
      const viewer = await viewerOf(pool, entry, principal.userId, stored);
      const items = stored.map(({ sequence, events }) => ({
        sequence,
        events: events.map((event) => redactEvent(event, viewer)),
      }));
      return { asOf, items, head: entry.version };
    };
  };
}

async function sequenceBefore(client: PoolClient, conversationId: string, version: number): Promise<number> {
  if (version === 0) return 0;
  const { rows } = await client.query<{ sequence: string }>({
    name: 'sequence-before-version',
    text: START,
    values: [conversationId, version],
  });
  return Number(rows[0]?.sequence ?? 0);
}

interface Wanted {
  after: number;
  limit: number;
  entry: Entry;
}

async function readPage(commits: AsyncIterable<CommitRecord[]>, wanted: Wanted): Promise<Item[]> {
  const items: Item[] = [];
  let bytes = 0;
  let known = wanted.after;
  for await (const batch of commits) {
    for (const { sequence, payload } of batch) {
      const stored = JSON.parse(Buffer.from(payload).toString()) as StoredEvent[];
      refuseRemoved(stored[0]?.version ?? 0, known);
      known = Math.max(known, stored.at(-1)?.version ?? 0);
      if ((stored[0]?.version ?? 0) > wanted.entry.version) return items;
      const events = stored.filter((event) => event.version > wanted.after);
      if (events.length === 0) continue;
      items.push({ sequence, events });
      bytes += payload.length;
      if (items.length >= wanted.limit || bytes >= PAGE_BYTES) return items;
    }
  }
  return items;
}

/** Retention has removed what comes next, maybe just now: what is left must not be taken for all of it. */
function refuseRemoved(firstVersion: number, known: number): void {
  if (firstVersion <= known + 1) return;
  const message = `must be at least ${firstVersion - 1}: earlier events are no longer in the log`;
  throw new ProblemError('invalid-request', { errors: [{ path: 'after', message }] });
}

type StoredEvent = Item['events'][number] & { version: number };

/** What is gone is asked for after the page is read, so that a deletion which came in between counts. */
async function viewerOf(
  pool: Pool,
  entry: Entry,
  userId: string,
  items: readonly Item[],
): Promise<EventReader> {
  const ordinals = items.flatMap(({ events }) => events.flatMap(textOrdinals));
  const { rows } = await pool.query<{ expired_ordinal: number; deleted: number[] }>({
    name: 'gone-messages',
    text: `select c.expired_ordinal, array(select m.ordinal from read_model.messages m where m.conversation_id = $1
        and m.ordinal = any($2::int[]) and m.deleted_at is not null) as deleted
      from read_model.conversations c where c.id = $1`,
    values: [entry.id, ordinals],
  });
  const { isMember, isModerator, hiddenThrough } = entry;
  const deleted = new Set(rows[0]?.deleted);
  return {
    userId,
    isMember,
    isModerator,
    hiddenThrough,
    expiredThrough: rows[0]?.expired_ordinal ?? 0,
    isDeleted: (ordinal) => deleted.has(ordinal),
  };
}

/** Of the message whose text an event carries. */
function textOrdinals({ type, data }: Item['events'][number]): number[] {
  if (type !== 'message.sent' && type !== 'message.edited') return [];
  const ordinal = (data as { ordinal?: unknown } | null)?.ordinal;
  return typeof ordinal === 'number' ? [ordinal] : [];
}
