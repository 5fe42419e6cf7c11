import { type ClientFrame, formatPosition, type OwnPresence, TYPING_TTL_MS } from '@parley/contracts';
import type { ConnectionEffect, ConnectionState, ConnectionStep } from './connection-model.ts';
import { onAsked } from './following.ts';

/** Below the server's own limit (bursts of 30, 2 a second), since heartbeats and tokens are sent whatever is left. */
const BURST = 20;
const PER_SECOND = 2;
/** Left over by typing for what matters more. */
const RESERVE = 5;
const TYPING_REPEAT_MS = 3_000;

/** What the user asks of the socket itself, and how much of it may be said now. */
export interface Outgoing {
  readonly tokens: number;
  readonly countedAt: number;
  readonly nextId: number;
  readonly presence: OwnPresence;
  readonly presenceTold: boolean;
  readonly watched: readonly string[];
  readonly watchTold: boolean;
  /** When it was last said that the user types there. */
  readonly typing: ReadonlyMap<string, number>;
}

export function initialOutgoing(presence: OwnPresence): Outgoing {
  return {
    tokens: BURST,
    countedAt: 0,
    nextId: 1,
    presence,
    presenceTold: true,
    watched: [],
    watchTold: true,
    typing: new Map(),
  };
}

/** A new socket: `hello` says the presence, all else is to be said again. */
export function outgoingAnew(outgoing: Outgoing, now: number): Outgoing {
  return {
    ...outgoing,
    tokens: BURST,
    countedAt: now,
    presenceTold: true,
    watchTold: outgoing.watched.length === 0,
    typing: new Map(),
  };
}

function refilled(outgoing: Outgoing, now: number): Outgoing {
  const gained = (Math.max(0, now - outgoing.countedAt) / 1_000) * PER_SECOND;
  return {
    ...outgoing,
    tokens: Math.min(BURST, outgoing.tokens + gained),
    countedAt: Math.max(now, outgoing.countedAt),
  };
}

/** Typing is said at once or never: on at most every 3 s, off once, nothing while not live or when little is left. */
export function type(state: ConnectionState, conversation: string, on: boolean, now: number): ConnectionStep {
  const outgoing = refilled(state.outgoing, now);
  const said = outgoing.typing.get(conversation);
  const due = on ? said === undefined || now - said >= TYPING_REPEAT_MS : said !== undefined;
  if (state.phase.name !== 'live' || !due || outgoing.tokens < RESERVE) return { state, effects: [] };
  const typing = new Map([...outgoing.typing].filter(([, at]) => now - at < TYPING_TTL_MS));
  if (on) typing.set(conversation, now);
  else typing.delete(conversation);
  return {
    state: { ...state, outgoing: { ...outgoing, typing } },
    effects: [{ do: 'send', frame: { t: 'typing', conversation, on } }],
  };
}

/** When there is something to say and it may be said, or null. */
export function speakAt({ phase, outgoing, following }: ConnectionState): number | null {
  if (phase.name !== 'live') return null;
  const atOnce = !outgoing.presenceTold || !outgoing.watchTold || following.ended.length > 0;
  if (!atOnce && following.wanted.length === 0) return null;
  const missing = Math.max(0, 1 - outgoing.tokens);
  // One more, so that a token is whole whatever the rounding.
  const hasToken = missing === 0 ? 0 : outgoing.countedAt + Math.ceil((missing / PER_SECOND) * 1_000) + 1;
  if (atOnce) return hasToken;
  const wanted = following.wanted.map((id) => following.follows.get(id)?.notBefore ?? 0);
  return Math.max(hasToken, Math.min(...wanted));
}

/** Counts what a step sends, and adds what may be said now. */
export function speak(step: ConnectionStep, now: number): ConnectionStep {
  const sent = step.effects.filter((effect) => effect.do === 'send').length;
  if (sent === 0 && (speakAt(step.state) ?? Number.POSITIVE_INFINITY) > now) return step;
  const outgoing = refilled(step.state.outgoing, now);
  let state: ConnectionState = { ...step.state, outgoing: { ...outgoing, tokens: outgoing.tokens - sent } };
  const effects: ConnectionEffect[] = [...step.effects];
  while (state.phase.name === 'live' && state.outgoing.tokens >= 1) {
    const said = sayNext(state, now);
    if (!said) break;
    effects.push({ do: 'send', frame: said.frame });
    const { tokens, nextId } = said.state.outgoing;
    state = {
      ...said.state,
      outgoing: { ...said.state.outgoing, tokens: tokens - 1, nextId: nextId + 1 },
    };
  }
  return { state, effects };
}

/** Ends before beginnings: the server counts what is followed at once. */
function sayNext(state: ConnectionState, now: number): { state: ConnectionState; frame: ClientFrame } | null {
  const { outgoing, following } = state;
  const id = outgoing.nextId;
  if (!outgoing.presenceTold) {
    const frame = { t: 'presence' as const, state: outgoing.presence };
    return { state: { ...state, outgoing: { ...outgoing, presenceTold: true } }, frame };
  }
  if (!outgoing.watchTold) {
    const frame = { t: 'watch' as const, id, users: [...outgoing.watched] };
    return { state: { ...state, outgoing: { ...outgoing, watchTold: true } }, frame };
  }
  const [ended, ...rest] = following.ended;
  if (ended !== undefined) {
    const frame = { t: 'unsub' as const, id, conversation: ended };
    return { state: { ...state, following: { ...following, ended: rest } }, frame };
  }
  const conversation = following.wanted.find((each) => (following.follows.get(each)?.notBefore ?? 0) <= now);
  const wanted = conversation === undefined ? undefined : following.follows.get(conversation);
  if (!wanted) return null;
  const frame = { t: 'sub' as const, id, conversation: wanted.conversation, from: wanted.version };
  return { state: { ...state, following: onAsked(following, wanted.conversation, id) }, frame };
}

/** Once the socket is open; the shell keeps the token, so that no state holds a secret. */
export function helloFrame(state: ConnectionState, token: string, device?: string): ClientFrame {
  const since = state.position && formatPosition(state.position.epoch, state.position.sequence);
  return {
    t: 'hello',
    token,
    since,
    feed: state.feed,
    caps: [],
    presence: state.outgoing.presence,
    ...(device !== undefined && { device }),
  };
}
