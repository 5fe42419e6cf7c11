import type { ParleyClient } from '@parley/client';
import type { MembershipView, MessageView } from '@parley/contracts';
import { type Check, Findings } from './findings.ts';
import { type FoldedConversation, unreadOf } from './naive-fold.ts';
import { fingerprint } from './received.ts';
import { KEEPER } from './script.ts';

const PAGE = 200;
const AT_ONCE = 8;
const PATIENCE_MS = 120_000;

export interface AnswerOptions {
  conversations: ReadonlyMap<string, FoldedConversation>;
  /** The log's end: every answer must reflect at least this. */
  position: string;
  /** Users to ask for. */
  users: readonly string[];
  /** Conversations to read in full. */
  rooms: readonly string[];
  clientOf(userId: string): ParleyClient;
}

/** Asks the read API what its users would ask, and compares with the fold. */
export async function verifyAnswers(options: AnswerOptions): Promise<Check[]> {
  const inboxes = new Findings('inboxes and unread counters through the API');
  const totals = new Findings('unread totals through the API');
  const lists = new Findings('member lists through the API');
  const pages = new Findings('messages through the API');
  await eachOf(options.users, (userId) => verifyInbox(options, { inboxes, totals }, userId));
  await eachOf(options.rooms, async (id) => {
    await verifyMembers(options, lists, id);
    await verifyMessages(options, pages, id);
  });
  return [inboxes, totals, lists, pages].map((findings) => findings.done());
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function verifyInbox(
  { conversations, position, clientOf }: AnswerOptions,
  { inboxes, totals }: { inboxes: Findings; totals: Findings },
  userId: string,
): Promise<void> {
  const client = clientOf(userId);
  const own = [...conversations].filter(([, folded]) => folded.readers.has(userId));
  const limits = { minPosition: position, timeoutMs: PATIENCE_MS };
  const seen = new Map<string, { me: MembershipView; members: number; messages: number }>();
  let total = 0;
  for (let cursor: string | undefined; ; ) {
    const page = await client.inbox({ limit: PAGE, ...(cursor && { cursor }) }, limits);
    for (const { conversation, me } of page.items) {
      // Broadcasts that somebody made in this stack reach the people of the demo too, who are no members of them.
      if (me.role === null) {
        total += me.unread;
        continue;
      }
      seen.set(conversation.id, {
        me,
        members: conversation.memberCount,
        messages: conversation.messageCount,
      });
    }
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  for (const [id, folded] of own) {
    const item = seen.get(id);
    const unread = unreadOf(folded, userId);
    total += unread ?? 0;
    inboxes.equal(`${id} of ${userId}: unread`, item?.me.unread, unread);
    inboxes.equal(`${id} of ${userId}: members`, item?.members, folded.readers.size);
    inboxes.equal(`${id} of ${userId}: messages`, item?.messages, folded.messages.length);
  }
  inboxes.equal(`conversations of ${userId}`, seen.size, own.length);
  totals.equal(`unread of ${userId}`, (await client.unread(limits)).total, total);
}

async function verifyMembers(
  { conversations, position, clientOf }: AnswerOptions,
  lists: Findings,
  id: string,
): Promise<void> {
  const client = clientOf(KEEPER);
  const listed = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const query = { limit: 500, ...(cursor && { cursor }) };
    const page = await client.members(id, query, { minPosition: position, timeoutMs: PATIENCE_MS });
    for (const { userId, readOrdinal } of page.items) {
      listed.add(userId);
      lists.equal(`${id}: cursor of ${userId}`, readOrdinal, conversations.get(id)?.readers.get(userId));
    }
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  lists.equal(`${id}: members`, listed.size, conversations.get(id)?.readers.size);
}

async function verifyMessages(
  { conversations, position, clientOf }: AnswerOptions,
  pages: Findings,
  id: string,
): Promise<void> {
  const client = clientOf(KEEPER);
  const expected = conversations.get(id)?.messages ?? [];
  let last = 0;
  for (let more = true; more; ) {
    const limits = { minPosition: position, timeoutMs: PATIENCE_MS };
    const page = await client.messages(id, { after: last, limit: PAGE }, limits);
    for (const message of page.items) {
      last++;
      const { messageId, body, senderId } = expected[last - 1] ?? {};
      pages.equal(`${id} message ${last}`, describe(message), `${last} ${messageId} ${senderId} ${body}`);
    }
    more = page.hasAfter && page.items.length > 0;
  }
  pages.equal(`${id}: messages`, last, expected.length);
}

function describe({ ordinal, messageId, senderId, body }: MessageView): string {
  return `${ordinal} ${messageId} ${senderId} ${body === null ? null : fingerprint(body)}`;
}
