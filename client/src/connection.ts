import { type ClientFrame, type OwnPresence, type SeenPresence, SUBPROTOCOL } from '@parley/contracts';
import {
  type ConnectionEffect,
  type ConnectionInput,
  type ConnectionState,
  type Feed,
  NO_SUCH_PLACE,
  type StopFault,
  type SubscriptionItem,
  type TypingSignal,
} from './connection-model.ts';
import { advance, initialState, wakeAt } from './connection-state.ts';
import { decodeFrame } from './decode-frame.ts';
import { monotonicNow, timerUntil } from './monotonic-now.ts';
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
    this.#take({ kind: 'start', since, now: monotonicNow() });
  }

  follow(conversation: string, from: number | 'head'): void {
    this.#take({ kind: 'follow', conversation, from, now: monotonicNow() });
  }

  unfollow(conversation: string): void {
    this.#take({ kind: 'unfollow', conversation, now: monotonicNow() });
  }

  typing(conversation: string, on: boolean): void {
    this.#take({ kind: 'typing', conversation, on, now: monotonicNow() });
  }

  setPresence(presence: OwnPresence): void {
    this.#take({ kind: 'presence', presence, now: monotonicNow() });
  }

  watch(users: readonly string[]): void {
    this.#take({ kind: 'watch', users, now: monotonicNow() });
  }

  /** The consumer has too much to do; nothing is lost, the log keeps it. */
  full(): void {
    this.#take({ kind: 'full' });
  }

  drained(): void {
    this.#take({ kind: 'drained', now: monotonicNow() });
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
    let token: string;
    try {
      token = await this.#options.token();
    } catch {
      this.#take({ kind: 'token-failed', generation, ...moment() });
      return;
    }
    this.#take({ kind: 'token', generation, token, now: monotonicNow() });
  }

  #open(generation: number, token: string): void {
    const socket = this.#construct(generation);
    if (!socket) return;
    this.#socket = socket;
    socket.onopen = () => {
      this.#take({ kind: 'opened', generation, now: monotonicNow() });
      if (this.#socket === socket) this.#send(helloFrame(this.#state, token, this.#options.device));
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(generation, data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#take({ kind: 'closed', generation, code, reason, ...moment() });
    };
    // A failed socket closes as well, and closing is what counts.
    socket.onerror = () => undefined;
  }

  /** Null when the platform refuses: a URL that is none (SyntaxError), or plain `ws` in a secure page, for example. */
  #construct(generation: number): SocketLike | null {
    try {
      return new this.#options.WebSocket(this.#options.url, SUBPROTOCOL);
    } catch (error) {
      const code = (error as Error | null)?.name === 'SyntaxError' ? NO_SUCH_PLACE : 1006;
      this.#take({ kind: 'closed', generation, code, reason: String(error), ...moment() });
      return null;
    }
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
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#take({ kind: 'tick', ...moment() });
    }, timerUntil(at));
  }
}

function moment(): { now: number; chance: number } {
  return { now: monotonicNow(), chance: Math.random() };
}
