import type { ServerFrame } from '@parley/contracts';

type Check = (value: unknown) => boolean;
type Frame<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

const text: Check = (value) => typeof value === 'string';
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const time: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === 'boolean';
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const presence = { user: text, state: text, lastSeen: maybe(time) };

/**
 * What is read here of each frame, so that what passes can be taken without a further look. Not the schema of the
 * contracts: a newer server may have more fields, reasons and limits than this build knows.
 */
const FIELDS: { readonly [T in ServerFrame['t']]: { readonly [F in Exclude<keyof Frame<T>, 't'>]?: Check } } =
  {
    welcome: { user: text, epoch: text, position: text },
    commit: { seq: count, events: isEvents },
    commits: { items: listOf(isItem) },
    live: { position: text },
    hb: { position: text },
    'sub-ok': { id: count, conversation: text, from: count },
    'sub-commits': { conversation: text, items: listOf(isItem) },
    'sub-live': { conversation: text, version: count },
    reset: { reason: text, position: text, conversation: maybe(text) },
    revoked: { conversation: text, reason: text },
    typing: { conversation: text, user: text, on: flag, ttlMs: time },
    presence,
    presences: { items: listOf((item) => isObject(item) && hasAll(item, Object.entries(presence))) },
    'auth-soon': { inMs: time },
    'auth-ok': {},
    drain: { afterMs: isWindow },
    error: { id: maybe(count), code: text, detail: text, retryAfterMs: maybe(time) },
  };

const CHECKS: ReadonlyMap<string, [string, Check][]> = new Map(
  Object.entries(FIELDS).map(([type, fields]) => [type, Object.entries(fields)]),
);

/** Null when it is not a frame of this protocol; a frame of a type that is not known here is one, and is passed over. */
export function decodeFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isObject(frame) || typeof frame.t !== 'string') return null;
  return hasAll(frame, CHECKS.get(frame.t) ?? []) ? (frame as ServerFrame) : null;
}

function hasAll(object: Record<string, unknown>, checks: readonly [string, Check][]): boolean {
  return checks.every(([name, check]) => check(object[name]));
}

function isItem(item: unknown): boolean {
  return isObject(item) && count(item.seq) && isEvents(item.events);
}

function isEvents(events: unknown): boolean {
  return Array.isArray(events) && events.length > 0 && events.every(isObject);
}

function isWindow(value: unknown): boolean {
  return Array.isArray(value) && value.length >= 2 && time(value[0]) && time(value[1]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
