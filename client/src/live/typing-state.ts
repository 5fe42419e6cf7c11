import { type CommitItem, isKnown, type ServerFrame } from '@parley/contracts';

/** Who types where, and until when it counts, by the clock that `now` is of. */
export type TypingState = ReadonlyMap<string, ReadonlyMap<string, number>>;

export type TypingNotice = Omit<Extract<ServerFrame, { t: 'typing' }>, 't'>;

export function takeTyping(
  state: TypingState,
  { conversation, user, on, ttlMs }: TypingNotice,
  now: number,
): TypingState {
  return on ? withTyper(state, conversation, user, now + ttlMs) : withoutTyper(state, conversation, user);
}

/** Whoever has sent the message types no more: the notice that says so may be lost. */
export function takeSpoken(state: TypingState, { events }: CommitItem): TypingState {
  let next = state;
  for (const event of events) {
    if (!isKnown(event) || event.type !== 'message.sent') continue;
    next = withoutTyper(next, event.subject.slice('conversation/'.length), event.actor);
  }
  return next;
}

export function expireTyping(state: TypingState, now: number): TypingState {
  let next = state;
  for (const [conversation, typers] of state) {
    for (const [user, until] of typers) if (until <= now) next = withoutTyper(next, conversation, user);
  }
  return next;
}

/** When somebody's notice runs out next; null when nobody types. */
export function nextExpiry(state: TypingState): number | null {
  const ends = [...state.values()].flatMap((typers) => [...typers.values()]);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** In the order in which they began. */
export function typersIn(state: TypingState, conversation: string): readonly string[] {
  return [...(state.get(conversation)?.keys() ?? [])];
}

function withTyper(state: TypingState, conversation: string, user: string, until: number): TypingState {
  const typers = new Map(state.get(conversation)).set(user, until);
  return new Map(state).set(conversation, typers);
}

function withoutTyper(state: TypingState, conversation: string, user: string): TypingState {
  const typers = state.get(conversation);
  if (!typers?.has(user)) return state;
  const [next, rest] = [new Map(state), new Map(typers)];
  rest.delete(user);
  if (rest.size === 0) next.delete(conversation);
  else next.set(conversation, rest);
  return next;
}
