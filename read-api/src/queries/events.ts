import { conversationSubject, type EventsPage, parsePosition } from '@parley/contracts';
import { type CommitRecord, ProblemError } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';
import { type Entry, enter } from '../access.ts';
import type { LogReader } from '../log-reader.ts';
import type { ReadQuery } from '../read-query.ts';
import { redactEvent, textOrdinal } from '../redact-event.ts';

type Item = EventsPage['items'][number];

/** A page ends here although its limit is not reached: 500 commits may be 128 MB. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * A sequence at or before which every version is at most `$2`: of the newest such fact in the audit, and of a message
 * found by halving. Deletions raise a message's version, so the halving may end early; what it ends at is safe.
 */
const START = `with recursive halving (low, high) as (
    select 0, c.message_count from read_model.conversations c where c.id = $1
    union all
    select case when sent.version <= $2 then sent.ordinal else low end,
      case when sent.version <= $2 then high else sent.ordinal - 1 end
    from halving cross join lateral (
      select m.ordinal, coalesce((select min(e.version) from read_model.message_edits e
        where e.conversation_id = $1 and e.ordinal = m.ordinal), m.version) as version
      from read_model.messages m where m.conversation_id = $1 and m.ordinal = (low + high + 1) / 2) sent
    where low < high)
  select greatest(0,
    (select a.sequence from read_model.audit a where a.conversation_id = $1 and a.version <= $2
      order by a.version desc limit 1),
    (select m.sequence from halving join read_model.messages m
      on m.conversation_id = $1 and m.ordinal = low where low >= high)) as sequence`;

/**
 * The facts of a conversation after a version, as they are stored, up to what the read model has folded. A page may hold
 * fewer commits than its limit: it is the last one when its last event has version `head`. Throws `unavailable` while
 * the log is away.
 */
export function eventsFrom(reader: LogReader, pool: Pool): ReadQuery<'events'> {
  return async ({ client, asOf }, { params: { conversationId }, query, principal }) => {
    const entry = await enter(client, 'events', conversationId, principal);
    const { after, limit } = query;
    if (entry.firstSequence === null || after >= entry.version) {
      return { asOf, items: [], head: entry.version };
    }
    const begin = Math.max(await sequenceBefore(client, conversationId, after), entry.firstSequence);
    return async () => {
      const { log } = reader;
      if (log.epoch !== parsePosition(asOf)?.epoch) {
        throw new ProblemError('unavailable', { detail: 'the read model is of another log' });
      }
      const commits = log.read(conversationSubject(conversationId), Math.max(0, begin - 1));
      const stored = await pageOf(commits, { after, limit, entry });
      const gone = await goneMessages(pool, conversationId, stored);
      const viewer = {
        userId: principal.userId,
        isMember: entry.isMember,
        isGone: (ordinal: number) => gone.has(ordinal),
      };
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

async function pageOf(commits: AsyncIterable<CommitRecord[]>, wanted: Wanted): Promise<Item[]> {
  const items: Item[] = [];
  let bytes = 0;
  for await (const batch of commits) {
    for (const { sequence, payload } of batch) {
      const stored = JSON.parse(Buffer.from(payload).toString()) as StoredEvent[];
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

type StoredEvent = Item['events'][number] & { version: number };

/** Asked after the page is read, so that a deletion which came in between counts. */
async function goneMessages(
  pool: Pool,
  conversationId: string,
  items: readonly Item[],
): Promise<Set<number>> {
  const ordinals = items.flatMap(({ events }) => events.flatMap((event) => textOrdinal(event) ?? []));
  if (ordinals.length === 0) return new Set();
  const { rows } = await pool.query<{ ordinal: number }>({
    name: 'gone-messages',
    text: `select m.ordinal from read_model.messages m join read_model.conversations c on c.id = m.conversation_id
      where m.conversation_id = $1 and m.ordinal = any($2::int[])
        and (m.deleted_at is not null or m.ordinal <= c.expired_ordinal)`,
    values: [conversationId, ordinals],
  });
  return new Set(rows.map(({ ordinal }) => ordinal));
}
