import type { CommandFault, OutboxEntry } from './outbox-model.ts';

const UNREADABLE: CommandFault = {
  code: 'invalid-request',
  status: 0,
  detail: 'the stored command is damaged',
  errors: [],
};

/** What a key may be in a header; anything else could never be sent. */
const KEY = /^[\x21-\x7e]+$/;

/**
 * What a store gave, one by one: a page before this one, another version or a cut write may have left anything there.
 * A command without its data is refused, so that it is seen; what has neither key nor type is no command.
 */
export function readStored(stored: unknown): { entries: OutboxEntry[]; strange: unknown[] } {
  const list = Array.isArray(stored) ? stored : [stored];
  const entries: OutboxEntry[] = [];
  const strange: unknown[] = [];
  for (const each of list) {
    const entry = readEntry(each);
    if (entry) entries.push(entry);
    else strange.push(each);
  }
  return { entries, strange };
}

function readEntry(stored: unknown): OutboxEntry | null {
  if (!isObject(stored)) return null;
  const { key, type, data, state, fault } = stored as Partial<OutboxEntry>;
  if (typeof key !== 'string' || !KEY.test(key) || typeof type !== 'string') return null;
  const command = { key, type };
  if (!isObject(data)) return { ...command, data: {}, state: 'refused', fault: UNREADABLE };
  const known = isFault(fault) ? fault : null;
  if (state === 'refused') return { ...command, data, state, fault: known ?? UNREADABLE };
  return { ...command, data, state: 'queued', fault: known };
}

const isFault = (fault: unknown): fault is CommandFault => isObject(fault) && 'code' in fault;

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
