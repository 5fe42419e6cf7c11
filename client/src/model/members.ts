import {
  type CommitItem,
  type ConversationEvent,
  type EventOf,
  isKnown,
  MAX_MEMBERS_WITH_RECEIPTS,
  type MembersPage,
  type MemberView,
} from '@parley/contracts';
import { type CursorEntry, factsOf, positionAfter, type Viewer } from './commit-facts.ts';

/** The first page of a conversation's members, kept up to date by commits. */
export interface MembersModel {
  readonly conversationId: string;
  readonly page: MembersPage;
  /** The page holds every member up to this user id; null = all there are. */
  readonly through: string | null;
  /** Whether members see each other's receipts here; null while there is nobody else to tell by. */
  readonly receipts: boolean | null;
  /** `receipts`: somebody's are not known here. `members`: commits are missing. Load the page again. */
  readonly stale: readonly ('members' | 'receipts')[];
}

/** Of the first page of all members, as of now: without a role and a moment. */
export function membersModel(conversationId: string, page: MembersPage, viewer: Viewer): MembersModel {
  const others = page.items.filter((member) => member.userId !== viewer.userId);
  return {
    conversationId,
    page,
    through: page.nextCursor === null ? null : (page.items.at(-1)?.userId ?? ''),
    receipts: others.length === 0 ? null : others.some((member) => member.readOrdinal !== null),
    stale: [],
  };
}

interface Draft {
  items: readonly MemberView[];
  through: string | null;
  receipts: boolean | null;
  stale: Set<'members' | 'receipts'>;
  viewer: Viewer;
}

/** The page after one more commit of the subscription. */
export function applyToMembers(model: MembersModel, commit: CommitItem, viewer: Viewer): MembersModel {
  const { conversationId, page, through, receipts } = model;
  const facts = factsOf(commit, { conversationId, version: page.version, asOf: page.asOf });
  if (facts.length === 0) return model;
  const draft: Draft = { items: page.items, through, receipts, viewer, stale: new Set(model.stale) };
  let { version } = page;
  for (const fact of facts) {
    if (fact.kind === 'cursor') takeCursor(draft, fact.entry);
    if (fact.kind !== 'conversation') continue;
    // Cursors before an event that the page has already may have been taken twice, over it.
    if (fact.again) {
      const own =
        isKnown(fact.again) &&
        fact.again.type === 'cursor.lowered' &&
        fact.again.data.userId === viewer.userId;
      if (own) draft.stale.add('receipts');
      continue;
    }
    if (fact.version !== version + 1) draft.stale.add('members');
    version = fact.version;
    if (fact.event) takeEvent(draft, fact.event);
  }
  const items = [...draft.items];
  const asOf = positionAfter(page.asOf, commit.seq);
  return {
    ...model,
    receipts: draft.receipts,
    stale: [...draft.stale],
    page: { ...page, asOf, version, items },
  };
}

function takeEvent(draft: Draft, event: ConversationEvent): void {
  switch (event.type) {
    case 'conversation.updated':
      if (event.data.settings?.receipts === false) hideReceipts(draft);
      else if (event.data.settings?.receipts) draft.stale.add('receipts');
      break;
    case 'members.added':
      takeJoined(draft, event);
      break;
    case 'member.left':
      remove(draft, [event.data.userId]);
      break;
    case 'members.removed':
      remove(draft, event.data.userIds);
      break;
    case 'member.banned':
      if (event.data.role) remove(draft, [event.data.userId]);
      break;
    case 'member.role-changed': {
      const { userId, to: role } = event.data;
      draft.items = draft.items.map((member) => (member.userId === userId ? { ...member, role } : member));
      break;
    }
    case 'message.sent':
      if (event.data.threadId === undefined) advance(draft, event.actor, { read: event.data.ordinal });
      break;
    case 'cursor.lowered':
      takeLowered(draft, event.data);
      break;
  }
}

function takeJoined(draft: Draft, { data, time }: EventOf<'members.added'>): void {
  const memberCount = data.memberCount ?? draft.items.length + data.members.length;
  if (memberCount > MAX_MEMBERS_WITH_RECEIPTS) hideReceipts(draft);
  if (draft.receipts === null) draft.stale.add('receipts');
  const joined = data.members.map((member) => {
    const cursor = draft.receipts || member.userId === draft.viewer.userId ? data.ordinal : null;
    return { ...member, joinedAt: time, readOrdinal: cursor, deliveredOrdinal: cursor };
  });
  add(draft, joined);
}

/** Of others one sees the receipts, which stay; that they lowered a cursor comes as an event without facts. */
function takeLowered(draft: Draft, { userId, ordinal }: EventOf<'cursor.lowered'>['data']): void {
  if (userId !== draft.viewer.userId) return;
  draft.items = draft.items.map((member) =>
    member.userId === userId && member.readOrdinal !== null ? { ...member, readOrdinal: ordinal } : member,
  );
}

/** One's own cursors one always sees. */
function hideReceipts(draft: Draft): void {
  draft.receipts = false;
  draft.items = draft.items.map((member) =>
    member.userId === draft.viewer.userId ? member : { ...member, readOrdinal: null, deliveredOrdinal: null },
  );
}

const byId = (a: MemberView, b: MemberView): number =>
  a.userId < b.userId ? -1 : Number(a.userId > b.userId);

function add(draft: Draft, members: readonly MemberView[]): void {
  const { through } = draft;
  const inside = members.filter((member) => through === null || member.userId <= through);
  const ids = new Set(inside.map((member) => member.userId));
  draft.items = [...draft.items.filter((member) => !ids.has(member.userId)), ...inside].sort(byId);
}

function remove(draft: Draft, userIds: readonly string[]): void {
  const gone = new Set(userIds);
  draft.items = draft.items.filter((member) => !gone.has(member.userId));
  // A conversation that was too large may have become small enough: only the server knows its size.
  const maySee = draft.through !== null || draft.items.length === MAX_MEMBERS_WITH_RECEIPTS;
  if (draft.receipts === false && maySee) draft.stale.add('receipts');
}

function takeCursor(draft: Draft, entry: CursorEntry): void {
  if (entry.threadOrdinal !== undefined || entry.audience) return;
  // What one reads in private, delivery does not tell either.
  const delivered = Math.max(entry.deliveredOrdinal ?? 0, entry.private ? 0 : (entry.readOrdinal ?? 0));
  advance(draft, entry.userId, { read: entry.readOrdinal, delivered });
}

function advance(
  draft: Draft,
  userId: string,
  { read = 0, delivered = read }: { read?: number | undefined; delivered?: number | undefined },
): void {
  draft.items = draft.items.map((member) => {
    const { readOrdinal, deliveredOrdinal } = member;
    if (member.userId !== userId || readOrdinal === null || deliveredOrdinal === null) return member;
    return {
      ...member,
      readOrdinal: Math.max(readOrdinal, read),
      deliveredOrdinal: Math.max(deliveredOrdinal, delivered),
    };
  });
}
