import type { CommitItem, InboxPage } from '@parley/contracts';
import { conversationsIn, positionAfter, type Viewer } from './commit-facts.ts';
import { applyToConversation, type ConversationModel, conversationModel } from './conversation.ts';

interface InboxItem {
  readonly model: ConversationModel;
  /** When its newest main message was sent, or it was created: what the inbox is sorted by. */
  readonly activeAt: string;
}

/** The first page of the viewer's inbox in the order `recent`, without a filter, kept up to date by commits. */
export interface InboxModel {
  readonly asOf: string;
  readonly items: readonly InboxItem[];
  readonly nextCursor: string | null;
  /** Conversations that may belong in the page and are not known here: load it again. */
  readonly missing: readonly string[];
}

export function inboxModel({ asOf, items, nextCursor }: InboxPage): InboxModel {
  const known = items.map(({ conversation, me }) => inboxItem(conversationModel({ asOf, conversation, me })));
  return { asOf, items: known, nextCursor, missing: [] };
}

function inboxItem(model: ConversationModel, before?: InboxItem): InboxItem {
  const { lastMessage, createdAt } = model.answer.conversation;
  return { model, activeAt: lastMessage?.sentAt ?? before?.activeAt ?? createdAt };
}

/** The page after one more commit of the subscription. Conversations that the viewer left or archived go. */
export function applyToInbox(inbox: InboxModel, commit: CommitItem, viewer: Viewer): InboxModel {
  const named = conversationsIn(commit);
  if (named.size === 0) return inbox;
  const missing = new Set(inbox.missing);
  const items = inbox.items.flatMap((item) => {
    const { id } = item.model.answer.conversation;
    if (!named.has(id)) return [item];
    const model = applyToConversation(item.model, commit, viewer);
    if (model !== item.model) named.delete(id);
    if (!model || model.answer.me?.archived) return [];
    return [model === item.model ? item : inboxItem(model, item)];
  });
  const held = new Set(items.map((item) => item.model.answer.conversation.id));
  for (const [id, appears] of named) if (appears && !held.has(id)) missing.add(id);
  const asOf = positionAfter(inbox.asOf, commit.seq);
  return { ...inbox, asOf, items: items.sort(byActivity), missing: [...missing] };
}

/** Newest first; those of one moment by their ids, as the server has them. */
function byActivity(a: InboxItem, b: InboxItem): number {
  if (a.activeAt !== b.activeAt) return a.activeAt < b.activeAt ? 1 : -1;
  return a.model.answer.conversation.id < b.model.answer.conversation.id ? 1 : -1;
}
