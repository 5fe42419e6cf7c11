import type { SearchPage } from '@parley/contracts';
import { z } from 'zod';
import { cursorCount, cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { MY_IDS, READER } from './membership.ts';
import { messageViewsOf } from './message-view.ts';
import { isHidden } from './unread-count.ts';

/** [sequence, ordinal]: a commit may hold several messages, of one conversation. */
const cursorSchema = z.tuple([cursorSequence, cursorCount]);

interface HitRow {
  conversation_id: string;
  ordinal: number;
  sequence: string;
  title: string | null;
  excerpt: string;
}

/** The last word may be the beginning of one: somebody is still writing it. */
const WORDS = `(case when websearch_to_tsquery('simple', $3)::text like '%''' then
    (websearch_to_tsquery('simple', $3)::text || ':*')::tsquery else websearch_to_tsquery('simple', $3) end)`;
/** What the index cannot look up (only what must not be in a text, or nothing at all) finds nothing. */
const SEARCHABLE = "querytree(websearch_to_tsquery('simple', $3)) not in ('', 'T')";
/** Excerpts leave out what looks like markup; a text is none, so its brackets are other characters meanwhile. */
const STAND_INS = '\ue000\ue001\ue002';
/** Bodies hold no control characters, so what is between these was found. */
const MARKS = 'StartSel="\u0002", StopSel="\u0003", MaxFragments=2, MaxWords=20, MinWords=8, ShortWord=0';

/**
 * The hits come from the full-text index, those of other people's conversations are dropped by one hashed set of ids ("is
 * true" keeps it one: as a join it may be done row by row), and what is left is checked from the newest on until there is
 * a page. The text is marked for the rows of the page only.
 */
const SEARCH = `with page as materialized (
    select x.conversation_id, x.ordinal, x.sequence, c.title
    from (select s.conversation_id, s.ordinal, s.sequence from read_model.messages s
      where s.search @@ ${WORDS} and ${SEARCHABLE} and s.deleted_at is null
        and ($4::uuid is null or s.conversation_id = $4) and ($5::text is null or s.sender_id = $5)
        and ($6::bigint is null or (s.sequence, s.ordinal) < ($6, $7::int))
        and (s.conversation_id in ${MY_IDS}) is true
      order by s.sequence desc, s.ordinal desc) x
    cross join lateral (select * from read_model.conversations
      where id = x.conversation_id and deleted_at is null limit 1) c
    ${READER}
    where x.ordinal > f.hidden_through and not ${isHidden('x')}
    order by x.sequence desc, x.ordinal desc limit $8)
  select page.*, translate(ts_headline('simple', translate(b.body, '<>&', '${STAND_INS}'), ${WORDS}, '${MARKS}'),
      '${STAND_INS}', '<>&') as excerpt
  from page cross join lateral (select body from read_model.messages
    where conversation_id = page.conversation_id and ordinal = page.ordinal limit 1) b
  order by page.sequence desc, page.ordinal desc`;

/** Words, "phrases", or, and -not, in what the reader may see now. */
export async function readSearch(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'search'>,
): Promise<SearchPage> {
  const [sequence, ordinal] = decodeCursor(query.cursor, cursorSchema) ?? [null, null];
  const { rows } = await client.query<HitRow>({
    name: 'search',
    text: SEARCH,
    values: [
      principal.userId,
      principal.segments,
      query.q,
      query.conversation ?? null,
      query.from ?? null,
      sequence,
      ordinal,
      query.limit + 1,
    ],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [Number(row.sequence), row.ordinal]);
  const refs = page.map((row) => ({ conversationId: row.conversation_id, ordinal: row.ordinal }));
  const messages = await messageViewsOf(client, principal.userId, refs);
  return {
    asOf,
    items: page.flatMap((row) => {
      const message = messages.get(`${row.conversation_id}/${row.ordinal}`);
      return message ? { message, conversationTitle: row.title, excerpt: row.excerpt } : [];
    }),
    nextCursor,
  };
}
