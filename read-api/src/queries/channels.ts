import { type ChannelsPage, conversationIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { CONVERSATION_COLUMNS, type ConversationRow, conversationView, lastMessage } from './conversation.ts';

/** A title can be longer than a cursor: the page goes on from what the conversation is called now. */
const cursorSchema = z.tuple([conversationIdSchema]);

/** Who has not joined sees nothing of a history that is for members. */
const HIDDEN_THROUGH = `case when c.settings ->> 'historyVisibility' <> 'joined' then 0
  else coalesce(page.joined_ordinal, c.message_count) end`;

/** One way into the list: from an index, as many as fill the page. */
const branch = (title: string, condition: string, order: string): string => `(select c.id, ${title} as title
      from read_model.conversations c
      where c.type = 'channel' and c.deleted_at is null and ${condition}
        and ($2::text is null or strpos(lower(c.title), lower($2)) > 0) and not exists (select from read_model.bans b
          where b.conversation_id = c.id and b.user_id = $1 and (b.until is null or b.until > now()) offset 0)
      order by ${order} limit $4)`;

const TITLED = branch(
  'lower(c.title)',
  `not (select untitled from place)
        and (lower(c.title), c.id) > ((select title from place), (select id from place))`,
  'lower(c.title), c.id',
);
const UNTITLED = branch(
  'null',
  `lower(c.title) is null
        and ((select not untitled from place) or c.id > (select id from place))`,
  'c.id',
);

/** The channels without a title come last; a branch that lies before the cursor gives nothing. */
const CHANNELS = `with place as (
    select coalesce(lower((select title from read_model.conversations where id = $3::uuid)), '') as title,
      $3::uuid is not null and (select title from read_model.conversations where id = $3::uuid) is null as untitled,
      coalesce($3::uuid, '00000000-0000-0000-0000-000000000000') as id),
  page as materialized (
    select * from (
      ${TITLED}
      union all
      ${UNTITLED}) channels
    left join lateral (select m.user_id, m.joined_ordinal from read_model.members m
      where m.conversation_id = channels.id and m.user_id = $1 and m.left_sequence is null limit 1) m on true
    order by title, id limit $4)
  select ${CONVERSATION_COLUMNS}, page.user_id is not null as member
  from page cross join lateral (select * from read_model.conversations where id = page.id limit 1) c
  ${lastMessage(HIDDEN_THROUGH)}
  order by page.title, page.id`;

/** Channels that the user is not banned from, by title without regard to case; `q` may stand anywhere in it. */
export async function readChannels(
  { client, asOf }: Snapshot,
  { query, principal }: QueryRequest<'channels'>,
): Promise<ChannelsPage> {
  const [after] = decodeCursor(query.cursor, cursorSchema) ?? [null];
  const { rows } = await client.query<ConversationRow & { member: boolean }>({
    name: 'channels',
    text: CHANNELS,
    values: [principal.userId, query.q ?? null, after, query.limit + 1],
  });
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [row.id]);
  return {
    asOf,
    items: page.map((row) => ({ conversation: conversationView(row, row.member), member: row.member })),
    nextCursor,
  };
}
