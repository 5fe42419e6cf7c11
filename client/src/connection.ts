import { type ClientFrame, type ServerFrame, SUBPROTOCOL } from '@parley/contracts';
import type {
  ConnectionEffect,
  ConnectionInput,
  ConnectionState,
  StopFault,
  SubscriptionItem,
} from './connection-model.ts';
import { advance, helloFrame, initialState, wakeAt } from './connection-state.ts';

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
  since: string | null;
  device?: string;
  token: () => Promise<string> | string;
  WebSocket: SocketConstructor;
  deliver(item: SubscriptionItem): void;
  moved(position: string): void;
  changed(state: ConnectionState): void;
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
    this.#state = initialState(options.since);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    this.#take({ kind: 'start', now: Date.now() });
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
  if (frame.t === 'commit') return isItem(frame) ? frame : null;
  if (frame.t === 'commits') return Array.isArray(frame.items) && frame.items.every(isItem) ? frame : null;
  return frame;
}

function isItem(item: { seq: unknown; events: unknown }): boolean {
  return Number.isSafeInteger(item?.seq) && Array.isArray(item.events) && item.events.length > 0;
}
