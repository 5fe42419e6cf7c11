import { type Check, Findings } from './findings.ts';
import { type FoldedConversation, unreadOf } from './naive-fold.ts';
import { fingerprint } from './received.ts';

/** The part of a Postgres pool that is used here. */
export interface Queries {
  query(query: {
    name: string;
    text: string;
    values: unknown[];
  }): Promise<{ rows: Record<string, unknown>[] }>;
}

const CONVERSATION = `
select title, member_count, message_count, version from read_model.conversations where id = $1`;

/** Unread as the documentation defines it, by the two numbers and the deletions after the cursor. */
const MEMBERS = `
select m.user_id, m.role, m.read_ordinal, c.message_count - m.read_ordinal - coalesce(gone.deleted, 0) as unread
from read_model.members m
join read_model.conversations c on c.id = m.conversation_id
left join lateral (
  select count(*)::int as deleted from read_model.messages
  where conversation_id = m.conversation_id and ordinal > m.read_ordinal and deleted_at is not null
) gone on c.last_deleted_ordinal > m.read_ordinal
where m.conversation_id = $1 and m.left_sequence is null`;

const MESSAGES = `
select ordinal, message_id, sender_id, body, reply_to, edit_count, deleted_at is not null as deleted
from read_model.messages where conversation_id = $1 order by ordinal`;

/** Compares every row of the given conversations with the fold; the read model must be at the fold's position. */
export async function verifyTables(
  queries: Queries,
  conversations: Iterable<[string, FoldedConversation]>,
): Promise<Check[]> {
  const counts = new Findings('conversations: title, counts and version in the read model');
  const members = new Findings('members and their roles in the read model');
  const unread = new Findings('unread counters in the read model');
  const messages = new Findings('messages, bodies, replies, edits and deletions in the read model');
  for (const [id, folded] of conversations) {
    const ask = async (name: string, text: string) =>
      (await queries.query({ name, text, values: [id] })).rows;
    compareConversation(counts, id, (await ask('demo-conversation', CONVERSATION))[0], folded);
    compareMembers({ members, unread }, id, await ask('demo-members', MEMBERS), folded);
    compareMessages(messages, id, await ask('demo-messages', MESSAGES), folded);
  }
  return [counts, members, unread, messages].map((findings) => findings.done());
}

type Row = Record<string, unknown>;

function compareConversation(
  counts: Findings,
  id: string,
  row: Row | undefined,
  folded: FoldedConversation,
): void {
  counts.equal(`${id} title`, row?.title, folded.title);
  counts.equal(`${id} members`, row?.member_count, folded.readers.size);
  counts.equal(`${id} messages`, row?.message_count, folded.messages.length);
  counts.equal(`${id} version`, row?.version, folded.version);
}

function compareMembers(
  { members, unread }: { members: Findings; unread: Findings },
  id: string,
  rows: Row[],
  folded: FoldedConversation,
): void {
  members.equal(`${id} member rows`, rows.length, folded.readers.size);
  for (const row of rows) {
    const userId = String(row.user_id);
    members.equal(`${id} role of ${userId}`, row.role, folded.roles.get(userId));
    members.equal(`${id} cursor of ${userId}`, row.read_ordinal, folded.readers.get(userId));
    unread.equal(`${id} unread of ${userId}`, row.unread, unreadOf(folded, userId));
  }
}

function compareMessages(messages: Findings, id: string, rows: Row[], folded: FoldedConversation): void {
  messages.equal(`${id} message rows`, rows.length, folded.messages.length);
  for (const [index, row] of rows.entries()) {
    const expected = folded.messages[index];
    const actual = {
      messageId: row.message_id,
      senderId: row.sender_id,
      body: row.deleted ? null : fingerprint(String(row.body)),
      replyTo: row.reply_to,
      edits: row.edit_count,
    };
    messages.equal(
      `${id} message ${index + 1}`,
      `${row.ordinal} ${JSON.stringify(actual)}`,
      `${index + 1} ${JSON.stringify(expected)}`,
    );
  }
}
