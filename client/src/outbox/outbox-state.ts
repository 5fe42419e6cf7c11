import type {
  NewCommand,
  OutboxEffect,
  OutboxEntry,
  OutboxInput,
  OutboxState,
  OutboxStep,
  Outcome,
  Slot,
} from './outbox-model.ts';

export type { CommandFault, OutboxEffect, OutboxEntry, OutboxInput, OutboxState } from './outbox-model.ts';

/** Commands on their way at once: each conversation has one, and a browser holds few connections to one host. */
const MAX_SENDING = 6;
/** More than anybody writes while offline; beyond it a command is refused at once. */
export const MAX_WAITING_COMMANDS = 1_000;
/** Kept to be seen; the oldest go first, so that a queue in which all is refused does not grow for ever. */
const MAX_REFUSED = 1_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 30_000;

export const EMPTY_OUTBOX: OutboxState = { loaded: false, slots: [] };

/** What is shown and stored: commands whose event was seen are in the log, and so no longer here. */
export function entriesOf({ slots }: OutboxState): OutboxEntry[] {
  return slots.filter((slot) => !slot.confirmed).map((slot) => slot.entry);
}

/** Refused ones wait for nobody, and do not count. */
export function isFull({ slots }: OutboxState): boolean {
  if (slots.length < MAX_WAITING_COMMANDS) return false;
  return slots.filter((slot) => slot.entry.state !== 'refused').length >= MAX_WAITING_COMMANDS;
}

/** When the next attempt is due, or null. */
export function dueAt(state: OutboxState): number | null {
  const firsts = sendable(state);
  const waiting = firsts.filter((slot) => slot.entry.state === 'queued');
  // With all places taken the next answer is what is waited for.
  if (waiting.length === 0 || firsts.length - waiting.length >= MAX_SENDING) return null;
  return Math.min(...waiting.map((slot) => slot.notBefore));
}

/** The queue of commands told as a function; SPEC.md has its rules O1–O6. */
export function advanceOutbox(state: OutboxState, input: OutboxInput): OutboxStep {
  return post(react(state, input), input.now);
}

const settle = (key: string, outcome: Outcome): OutboxEffect => ({ do: 'settle', key, outcome });
const stay = (state: OutboxState, ...effects: OutboxEffect[]): OutboxStep => ({ state, effects });

function react(state: OutboxState, input: OutboxInput): OutboxStep {
  switch (input.kind) {
    case 'loaded':
      return onLoaded(state, input.entries);
    case 'send':
      return onSend(state, input.command);
    case 'stored':
      return stay(
        change(state, (slot) => (input.keys.has(slot.entry.key) ? { ...slot, stored: true } : slot)),
      );
    case 'accepted':
      return remove(state, input.key, settle(input.key, { accepted: input.accepted }));
    case 'failed':
      return onFailed(state, input);
    case 'seen':
      return onSeen(state, input.key);
    case 'retry':
      return onRetry(state, input.key);
    case 'discard':
      return onDiscard(state, input.key);
    case 'online':
      return stay(change(state, (slot) => (isCutOff(slot) ? { ...slot, attempt: 0, notBefore: 0 } : slot)));
    case 'tick':
      return stay(state);
  }
}

/** One that waits because a server said so goes on waiting. */
const isCutOff = ({ entry }: Slot): boolean => entry.state === 'queued' && entry.fault?.code === 'network';

function change(state: OutboxState, of: (slot: Slot) => Slot): OutboxState {
  return { ...state, slots: state.slots.map(of) };
}

const slotOf = (state: OutboxState, key: string): Slot | undefined =>
  state.slots.find((slot) => slot.entry.key === key);

function replace(state: OutboxState, next: Slot): OutboxState {
  return change(state, (slot) => (slot.entry.key === next.entry.key ? next : slot));
}

function remove(state: OutboxState, key: string, ...effects: OutboxEffect[]): OutboxStep {
  if (!slotOf(state, key)) return stay(state);
  const slots = state.slots.filter((slot) => slot.entry.key !== key);
  return stay({ ...state, slots }, { do: 'store' }, ...effects);
}

/** Commands of one conversation keep their order, and so do those of the user. */
function newSlot(entry: OutboxEntry, awaited: boolean): Slot {
  const { conversationId } = entry.data as { conversationId?: unknown };
  const lane = typeof conversationId === 'string' ? conversationId : '';
  return { entry, lane, attempt: 0, notBefore: 0, stored: !awaited, confirmed: false, awaited };
}

function onLoaded(state: OutboxState, entries: readonly OutboxEntry[]): OutboxStep {
  const known = new Set(state.slots.map((slot) => slot.entry.key));
  const earlier = entries
    .filter(({ key }) => !known.has(key) && known.add(key))
    // The one that was on its way when the process ended: nobody knows how far it got, and its key does.
    .map((entry) => (entry.state === 'sending' ? { ...entry, state: 'queued' as const } : entry))
    .map((entry) => newSlot(entry, false));
  return stay({ loaded: true, slots: [...earlier, ...state.slots] }, { do: 'store' });
}

function onSend(state: OutboxState, command: NewCommand): OutboxStep {
  const slot = newSlot({ ...command, state: 'queued', fault: null }, true);
  return stay({ ...state, slots: [...state.slots, slot] }, { do: 'store' });
}

function onFailed(state: OutboxState, failed: Extract<OutboxInput, { kind: 'failed' }>): OutboxStep {
  const { key, fault, now, chance, retryAfterMs } = failed;
  const slot = slotOf(state, key);
  if (!slot) return stay(state);
  if (failed.definite) {
    if (slot.confirmed) return remove(state, key, settle(key, { fault }));
    const entry: OutboxEntry = { ...slot.entry, state: 'refused', fault };
    const refused = withoutOldest(replace(state, { ...slot, entry, awaited: false }));
    return stay(refused, { do: 'store' }, settle(key, { fault }));
  }
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(slot.attempt, 16));
  const next = {
    ...slot,
    entry: { ...slot.entry, state: 'queued' as const, fault },
    attempt: slot.attempt + 1,
    notBefore: now + retryAfterMs + chance * ceiling,
  };
  return stay(replace(state, next));
}

function withoutOldest(state: OutboxState): OutboxState {
  const refused = state.slots.filter((slot) => slot.entry.state === 'refused');
  const gone = new Set(refused.slice(0, Math.max(0, refused.length - MAX_REFUSED)));
  return gone.size === 0 ? state : { ...state, slots: state.slots.filter((slot) => !gone.has(slot)) };
}

function onSeen(state: OutboxState, key: string): OutboxStep {
  const slot = slotOf(state, key);
  if (!slot || slot.confirmed) return stay(state);
  if (!slot.awaited) return remove(state, key);
  return stay(replace(state, { ...slot, confirmed: true, notBefore: 0 }), { do: 'store' });
}

function onRetry(state: OutboxState, key: string): OutboxStep {
  const slot = slotOf(state, key);
  if (slot?.entry.state !== 'refused') return stay(state);
  const entry: OutboxEntry = { ...slot.entry, state: 'queued', fault: null };
  const next = { ...slot, entry, attempt: 0, notBefore: 0, awaited: true };
  return stay(replace(state, next), { do: 'store' });
}

function onDiscard(state: OutboxState, key: string): OutboxStep {
  const slot = slotOf(state, key);
  if (!slot || slot.confirmed || slot.entry.state === 'sending') return stay(state);
  return remove(state, key, settle(key, 'discarded'));
}

/** The first of each lane; those that are confirmed hold up nobody. */
function sendable({ loaded, slots }: OutboxState): Slot[] {
  if (!loaded) return [];
  const taken = new Set<string>();
  return slots.filter((slot) => {
    if (slot.confirmed) return true;
    if (slot.entry.state === 'refused' || taken.has(slot.lane)) return false;
    taken.add(slot.lane);
    return slot.stored;
  });
}

function post({ state, effects }: OutboxStep, now: number): OutboxStep {
  const firsts = sendable(state);
  const free = MAX_SENDING - firsts.filter((slot) => slot.entry.state === 'sending').length;
  if (free <= 0) return { state, effects };
  const due = firsts.filter((slot) => slot.entry.state === 'queued' && slot.notBefore <= now).slice(0, free);
  if (due.length === 0) return { state, effects };
  const posted = new Map(
    due.map((slot) => [slot.entry.key, { ...slot, entry: { ...slot.entry, state: 'sending' as const } }]),
  );
  const sent = [...posted.values()].map((slot): OutboxEffect => ({ do: 'post', entry: slot.entry }));
  return {
    state: change(state, (slot) => posted.get(slot.entry.key) ?? slot),
    effects: [...effects, ...sent],
  };
}
