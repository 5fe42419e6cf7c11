import type { ConversationAnswer, MembershipView } from '@parley/contracts';
import type { ConversationModel } from '../model/conversation.ts';
import type { InboxModel } from '../model/inbox.ts';
import type { MessagePages } from '../model/message-pages.ts';
import { sameList } from './live-presence.ts';
import { type MessageRow, MessageRows } from './message-rows.ts';
import type { Send } from './sends.ts';

export interface InboxContent {
  /** The conversation with the newest message first. */
  readonly items: readonly InboxRow[];
  /** There are more than are kept here: ask the `inbox` query for them. */
  readonly hasMore: boolean;
}

export interface InboxRow {
  readonly conversation: ConversationAnswer['conversation'];
  readonly me: MembershipView | null;
}

export interface MessagesContent {
  /** Oldest first; what is on its way comes last. */
  readonly rows: readonly MessageRow[];
  /** Older ones can be loaded. */
  readonly hasBefore: boolean;
}

const inboxes = new WeakMap<InboxModel, InboxContent>();
const inboxRows = new WeakMap<ConversationModel, InboxRow>();

/** The same content for the same model, and the same row for a conversation to which nothing happened. */
export function inboxContent(inbox: InboxModel): InboxContent {
  const known = inboxes.get(inbox);
  if (known) return known;
  const items = inbox.items.map(({ model }) => inboxRow(model));
  const content = { items, hasMore: inbox.nextCursor !== null };
  inboxes.set(inbox, content);
  return content;
}

function inboxRow(model: ConversationModel): InboxRow {
  const known = inboxRows.get(model);
  if (known) return known;
  const { conversation, me } = model.answer;
  const row = { conversation, me };
  inboxRows.set(model, row);
  return row;
}

/** Of one conversation: the same content while neither its pages nor what is on its way changed. */
export class MessagesContents {
  readonly #rows = new MessageRows();
  #last: { pages: MessagePages; sends: readonly Send[]; content: MessagesContent } | null = null;

  of(pages: MessagePages, sends: readonly Send[]): MessagesContent {
    const last = this.#last;
    if (last && last.pages === pages && sameList(last.sends, sends)) return last.content;
    const content = { rows: this.#rows.of(pages.items, sends), hasBefore: pages.hasBefore };
    this.#last = { pages, sends, content };
    return content;
  }
}
