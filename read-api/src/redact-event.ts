import type { EventsPage } from '@parley/contracts';

type Event = EventsPage['items'][number]['events'][number];

const KEPT = ['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema', 'version'];

/**
 * A stored event as a reader may see it. The text of a message that is deleted or expired is gone here too. How far somebody takes their cursor back concerns nobody else, and whom a custom
 * audience names only members; the event keeps its place, so that versions stay dense for everybody.
 */
export function redactEvent(
  event: Event,
  reader: { userId: string; isMember: boolean; isGone(ordinal: number): boolean },
): Event {
  const { data } = event;
  if (typeof data !== 'object' || data === null) return event;
  const ordinal = textOrdinal(event);
  if (ordinal !== null && reader.isGone(ordinal)) return { ...event, data: withoutText(data) };
  if (event.type === 'cursor.lowered' && 'userId' in data && data.userId !== reader.userId) {
    const kept = Object.entries(event).filter(([name]) => KEPT.includes(name));
    return { ...(Object.fromEntries(kept) as Event), actor: 'parley', data: {} };
  }
  if (event.type === 'conversation.created' && 'audience' in data && !reader.isMember) {
    return { ...event, data: { ...data, audience: withoutNames(data.audience) } };
  }
  return event;
}

/** Of the message whose text an event carries; null for all other events. */
export function textOrdinal({ type, data }: Event): number | null {
  if (type !== 'message.sent' && type !== 'message.edited') return null;
  const ordinal = (data as { ordinal?: unknown } | null)?.ordinal;
  return typeof ordinal === 'number' ? ordinal : null;
}

const TEXT = ['body', 'ciphertext', 'metadata', 'attachments', 'mentions'];

function withoutText(data: object): object {
  const kept = Object.entries(data).filter(([name]) => !TEXT.includes(name));
  const nobody = { users: [], all: false, here: false };
  return { ...Object.fromEntries(kept), ...('attachments' in data && { attachments: [] }), mentions: nobody };
}

function withoutNames(audience: unknown): unknown {
  const named = typeof audience === 'object' && audience !== null && 'userIds' in audience;
  return named ? { kind: 'custom' } : audience;
}
