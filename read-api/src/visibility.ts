import type { ConversationType } from '@parley/contracts';

/** What a reader may see: a member everything, anybody a public channel, nobody else even that it exists. */
export function maySee(type: ConversationType, isMember: boolean): boolean {
  return isMember || type === 'channel';
}

/** A range of ordinals, both ends included. Ordinals are dense, so a page is a range and needs no search. */
export interface OrdinalRange {
  from: number;
  to: number;
}

/** The page that `before`, `after` or `around` asks for; the newest when none is given. Empty when `from > to`. */
export function messageRange(
  query: {
    before?: number | undefined;
    after?: number | undefined;
    around?: number | undefined;
    limit: number;
  },
  messageCount: number,
): OrdinalRange {
  const { before, after, around, limit } = query;
  if (after !== undefined) return clamp(after + 1, after + limit, messageCount);
  if (around !== undefined) {
    const from = Math.max(1, Math.min(around - Math.floor(limit / 2), messageCount - limit + 1));
    return clamp(from, from + limit - 1, messageCount);
  }
  const end = Math.min(before ?? messageCount + 1, messageCount + 1);
  return clamp(end - limit, end - 1, messageCount);
}

function clamp(from: number, to: number, messageCount: number): OrdinalRange {
  return { from: Math.min(Math.max(1, from), messageCount + 1), to: Math.max(0, Math.min(to, messageCount)) };
}
