import {
  type ClientFrame,
  type OwnPresence,
  type SeenPresence,
  type ServerFrame,
  SUBPROTOCOL,
} from '@parley/contracts';
import type {
  ConnectionEffect,
  ConnectionInput,
  ConnectionState,
  Feed,
  StopFault,
  SubscriptionItem,
  TypingSignal,
} from './connection-model.ts';
import { advance, initialState, wakeAt } from './connection-state.ts';
import { helloFrame } from './outgoing.ts';

/** The part of the browser's WebSocket that is used; `ws` has it too. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type SocketConstructor = new (url: string, protocol: string) => SocketLike;

export interface ConnectionOptions {
  url: string;
  device?: string;
  feed?: Feed | undefined;
  presence?: OwnPresence | undefined;
  token: () => Promise<string> | string;
  WebSocket: SocketConstructor;
  deliver(item: SubscriptionItem): void;
  moved(position: string): void;
  changed(state: ConnectionState): void;
  typing(signal: TypingSignal): void;
  seen(seen: readonly SeenPresence[]): void;
  ended(fault: StopFault | null): void;
}

/** The clock, the dice and the socket around `connection-state.ts`; decides nothing. */
export class Connection {
  readonly #options: ConnectionOptions;
  #state: ConnectionState;
  #socket: SocketLike | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAt = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#state = initialState(options);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(since: string | null): void {
    this.#take({ kind: 'start', since, now: Date.now() });
  }

  follow(conversation: string, from: number | 'head'): void {
    this.#take({ kind: 'follow', conversation, from, now: Date.now() });
  }

  unfollow(conversation: string): void {
    this.#take({ kind: 'unfollow', conversation, now: Date.now() });
  }

  typing(conversation: string, on: boolean): void {
    this.#take({ kind: 'typing', conversation, on, now: Date.now() });
  }

  setPresence(presence: OwnPresence): void {
    this.#take({ kind: 'presence', presence, now: Date.now() });
  }

  watch(users: readonly string[]): void {
    this.#take({ kind: 'watch', users, now: Date.now() });
  }

  /** The consumer has too much to do; nothing is lost, the log keeps it. */
  full(): void {
    this.#take({ kind: 'full' });
  }

  drained(): void {
    this.#take({ kind: 'drained', now: Date.now() });
  }

  stop(): void {
    this.#take({ kind: 'stop' });
  }

  #take(input: ConnectionInput): void {
    const before = this.#state;
    const { state, effects } = advance(before, input);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#schedule();
    if (this.#state.freshness !== before.freshness) this.#options.changed(this.#state);
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.do) {
      case 'get-token':
        void this.#getToken(effect.generation);
        break;
      case 'open':
        this.#open(effect.generation, effect.token);
        break;
      case 'send':
        this.#send(effect.frame);
        break;
      case 'close':
        this.#letGo();
        break;
      case 'deliver':
        this.#options.deliver(effect.item);
        break;
      case 'moved':
        this.#options.moved(effect.position);
        break;
      case 'typing':
        this.#options.typing(effect.signal);
        break;
      case 'presence':
        this.#options.seen(effect.seen);
        break;
      case 'ended':
        this.#options.ended(effect.fault);
        break;
    }
  }

  async #getToken(generation: number): Promise<void> {
    try {
      const token = await this.#options.token();
      this.#take({ kind: 'token', generation, token, now: Date.now() });
    } catch {
      this.#take({ kind: 'token-failed', generation, ...moment() });
    }
  }

  #open(generation: number, token: string): void {
    const socket = new this.#options.WebSocket(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => {
      this.#take({ kind: 'opened', generation, now: Date.now() });
      if (this.#socket === socket) this.#send(helloFrame(this.#state, token, this.#options.device));
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(generation, data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#take({ kind: 'closed', generation, code, reason, ...moment() });
    };
    // A failed socket closes as well, and closing is what counts.
    socket.onerror = () => undefined;
  }

  #receive(generation: number, data: unknown): void {
    const frame = decodeFrame(data);
    if (frame) this.#take({ kind: 'frame', generation, frame, ...moment() });
    else this.#take({ kind: 'undecodable', generation, ...moment() });
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #letGo(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    // Kept: closing a socket that is still opening reports an error, and without a listener `ws` throws it.
    socket.onerror = () => undefined;
    socket.close();
  }

  /** A timer that is early looks again; so a frame, which moves the silence on, costs no timer. */
  #schedule(): void {
    const at = wakeAt(this.#state);
    if (at === null) {
      if (this.#timer) clearTimeout(this.#timer);
      this.#timer = null;
      return;
    }
    if (this.#timer && this.#timerAt <= at) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#take({ kind: 'tick', ...moment() });
      },
      Math.max(0, at - Date.now()),
    );
  }
}

function moment(): { now: number; chance: number } {
  return { now: Date.now(), chance: Math.random() };
}

/** Null when it is not a frame of this protocol; a frame of a type that is not known here is one, and is passed over. */
export function decodeFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  let frame: ServerFrame;
  try {
    frame = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof frame !== 'object' || frame === null || typeof frame.t !== 'string') return null;
  switch (frame.t) {
    case 'commit':
      return isItem(frame) ? frame : null;
    case 'commits':
    case 'sub-commits':
      return Array.isArray(frame.items) && frame.items.every(isItem) ? frame : null;
    case 'presences':
      return Array.isArray(frame.items) && frame.items.every(isObject) ? frame : null;
    default:
      return frame;
  }
}

function isItem(item: { seq: unknown; events: unknown }): boolean {
  if (!Number.isSafeInteger(item?.seq) || !Array.isArray(item.events)) return false;
  return item.events.length > 0 && item.events.every(isObject);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
