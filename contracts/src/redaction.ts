/** An event as it stands in a commit; what its type does not say is not looked at. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
  readonly [attribute: string]: unknown;
}

/** Who an event is shown to, and what they may see of its conversation now. */
export interface EventReader {
  userId: string;
  isMember: boolean;
  /** Moderator or higher (in broadcasts: admin). */
  isModerator: boolean;
  /** With history for members only: messages up to this ordinal were written before the reader joined. 0 = sees all. */
  hiddenThrough: number;
  /** Retention has emptied the messages up to this one. */
  expiredThrough: number;
  isDeleted(ordinal: number): boolean;
}

const ENVELOPE = ['specversion', 'id', 'source', 'subject', 'time', 'version'];
const TEXT = ['body', 'ciphertext', 'metadata', 'attachments', 'mentions'];
/** Bans and invites are the business of those who may lift them. */
const FOR_MODERATORS = new Set(['member.unbanned', 'member.invited', 'invite.declined', 'invite.revoked']);

/**
 * An event as one reader may see it: the same object when nothing has to be taken out. Every event keeps its place, so
 * that versions stay dense for everybody; one that must not even show what it was becomes `parley.hidden`.
 */
export function redactEvent<E extends StoredEvent>(event: E, reader: EventReader): E {
  const data = event.data as Readonly<Record<string, unknown>> | null | undefined;
  if (typeof data !== 'object' || data === null) return event;
  if (mustHide(event.type, data, reader)) return hidden(event);
  if (isTextGone(event.type, data, reader)) return withoutText(event, data);
  switch (event.type) {
    case 'message.deleted':
      return Number(data.ordinal) <= reader.expiredThrough ? without(event, data, ['reason']) : event;
    case 'member.banned':
      return reader.isModerator ? event : without(event, data, ['reason', 'until']);
    case 'members.removed':
      return reader.isModerator ? event : without(event, data, ['reason']);
    case 'conversation.created':
      return reader.isMember ? event : withoutNames(event, data);
    default:
      return event;
  }
}

/** Whether anybody may have to be shown less of an event than it holds: nearly none of all events. */
export function mayBeRedacted(type: string): boolean {
  return (
    FOR_MODERATORS.has(type) ||
    type === 'cursor.lowered' ||
    type === 'member.banned' ||
    type === 'members.removed' ||
    type === 'conversation.created'
  );
}

function mustHide(type: string, data: Readonly<Record<string, unknown>>, reader: EventReader): boolean {
  if (type === 'cursor.lowered') return data.userId !== reader.userId;
  if (FOR_MODERATORS.has(type)) return !reader.isModerator;
  // A ban of somebody who was no member changes nothing that the others see.
  if (type === 'member.banned') return data.role === undefined && !reader.isModerator;
  const isAboutMessage = type.startsWith('message.') || type.startsWith('reaction.');
  return isAboutMessage && typeof data.ordinal === 'number' && data.ordinal <= reader.hiddenThrough;
}

function isTextGone(type: string, data: Readonly<Record<string, unknown>>, reader: EventReader): boolean {
  if (type !== 'message.sent' && type !== 'message.edited') return false;
  const { ordinal } = data;
  return typeof ordinal === 'number' && (ordinal <= reader.expiredThrough || reader.isDeleted(ordinal));
}

function hidden<E extends StoredEvent>(event: E): E {
  const kept = ENVELOPE.flatMap((name) => (name in event ? [[name, event[name]]] : []));
  const shown = {
    ...Object.fromEntries(kept),
    type: 'parley.hidden',
    dataschema: 'urn:parley:event:parley.hidden:1',
  };
  return { ...shown, actor: 'parley', data: {} } as unknown as E;
}

/** The hash of the request is one of the text: it goes as well, and so does what leads to it. */
function withoutText<E extends StoredEvent>(event: E, data: Readonly<Record<string, unknown>>): E {
  const { commandid: _id, commandhash: _hash, correlationid: _request, ...rest } = event;
  const kept = Object.fromEntries(Object.entries(data).filter(([name]) => !TEXT.includes(name)));
  const emptied = { ...kept, ...('attachments' in data && { attachments: [] }), mentions: NOBODY };
  return { ...rest, data: emptied } as unknown as E;
}

const NOBODY = { users: [], all: false, here: false };

function without<E extends StoredEvent>(
  event: E,
  data: Readonly<Record<string, unknown>>,
  names: readonly string[],
): E {
  if (!names.some((name) => name in data)) return event;
  const { commandhash: _hash, ...rest } = event;
  const kept = Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name)));
  return { ...rest, data: kept } as unknown as E;
}

/** Whom a custom audience names only members see. */
function withoutNames<E extends StoredEvent>(event: E, data: Readonly<Record<string, unknown>>): E {
  const audience = data.audience as { kind?: unknown } | undefined;
  if (audience?.kind !== 'custom') return event;
  const { commandhash: _hash, ...rest } = event;
  return { ...rest, data: { ...data, audience: { kind: 'custom' } } } as unknown as E;
}
