import { type CommitItem, type MessagesPage, type MessageView, parsePosition } from '@parley/contracts';
import type { Viewer } from './commit-facts.ts';
import { applyToMessages, type MessagesModel, messagesModel } from './messages.ts';

/** A page that stays open in a busy conversation must not grow for ever: beyond this its oldest messages go again. */
export const MAX_ITEMS = 5_000;
const KEPT_ITEMS = 4_000;

/**
 * The messages of a conversation from some point to its end, read page by page and kept up to date by commits. Pages
 * that reflect different versions stay apart, since a commit that one of them has must not change it again; the next
 * commits bring them to the same version, and they become one.
 */
export interface MessagePages {
  /** Oldest first, never empty; each ends before the next begins. */
  readonly parts: readonly MessagesModel[];
  readonly items: readonly MessageView[];
  readonly hasBefore: boolean;
  /** Load the newest page again. */
  readonly stale: boolean;
}

/** Of the newest page. */
export function messagePages(conversationId: string, newest: MessagesPage): MessagePages {
  return pagesOf([messagesModel(conversationId, newest)]);
}

/** Everything up to this version of the conversation is in all of them. */
export function oldestVersion({ parts }: MessagePages): number {
  return Math.min(...parts.map(({ page }) => page.version));
}

/** Where an older page has to end: `before` of its query. Null when there is nothing to load. */
export function firstOrdinal({ items, hasBefore }: MessagePages): number | null {
  const [first] = items;
  return hasBefore && first ? first.ordinal : null;
}

/**
 * With the page before. `since` are the conversation's commits from before it was asked for until now. Nothing changes
 * when the pages do not fit together any more: another one came first, or all were loaded anew.
 */
export function withOlderPage(
  pages: MessagePages,
  { page, before, since }: { page: MessagesPage; before: number; since: readonly CommitItem[] },
  viewer: Viewer,
): MessagePages {
  const [oldest] = pages.parts;
  if (!oldest || firstOrdinal(pages) !== before) return pages;
  // What comes after it is the other pages' business.
  const alone: MessagesModel = {
    conversationId: oldest.conversationId,
    page: { ...page, hasAfter: false },
    stale: false,
  };
  const older = since.reduce((part, commit) => applyToOlder(part, commit, viewer), alone);
  return pagesOf([older, ...pages.parts]);
}

/** The pages after one more commit of the subscription. */
export function applyToPages(pages: MessagePages, commit: CommitItem, viewer: Viewer): MessagePages {
  const newest = pages.parts.length - 1;
  const parts = pages.parts.map((part, index) =>
    index === newest ? applyToMessages(part, commit, viewer) : applyToOlder(part, commit, viewer),
  );
  return parts.every((part, index) => part === pages.parts[index]) ? pages : bounded(pagesOf(parts));
}

/** Where it begins moves forward; what goes can be loaded again. Not while pages stand apart, which is never for long. */
function bounded(pages: MessagePages): MessagePages {
  const [part] = pages.parts;
  if (!part || pages.parts.length > 1 || pages.items.length <= MAX_ITEMS) return pages;
  const items = part.page.items.slice(-KEPT_ITEMS);
  return pagesOf([{ ...part, page: { ...part.page, items, hasBefore: true } }]);
}

/** New messages come into the newest page alone. */
function applyToOlder(part: MessagesModel, commit: CommitItem, viewer: Viewer): MessagesModel {
  const applied = applyToMessages(part, commit, viewer);
  if (applied === part) return part;
  const last = part.page.items.at(-1)?.ordinal ?? 0;
  const items = applied.page.items.filter((message) => message.ordinal <= last);
  return { ...applied, page: { ...applied.page, items } };
}

function pagesOf(parts: readonly MessagesModel[]): MessagePages {
  const joined: MessagesModel[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    if (before && before.page.version === part.page.version) joined.splice(-1, 1, join(before, part));
    else joined.push(part);
  }
  return {
    parts: joined,
    items: joined.length === 1 ? (joined[0]?.page.items ?? []) : joined.flatMap(({ page }) => page.items),
    hasBefore: joined[0]?.page.hasBefore ?? false,
    stale: joined.some(({ stale }) => stale),
  };
}

/** The earlier position: hiding a message twice is hiding it once, missing it is not. */
function join(older: MessagesModel, newer: MessagesModel): MessagesModel {
  const sequence = ({ page }: MessagesModel): number => parsePosition(page.asOf)?.sequence ?? 0;
  return {
    conversationId: newer.conversationId,
    stale: older.stale || newer.stale,
    page: {
      ...newer.page,
      asOf: sequence(older) < sequence(newer) ? older.page.asOf : newer.page.asOf,
      items: [...older.page.items, ...newer.page.items],
      hasBefore: older.page.hasBefore,
    },
  };
}
