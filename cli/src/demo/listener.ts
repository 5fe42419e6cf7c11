import { setTimeout as delay } from 'node:timers/promises';
import { parsePosition, type ServerFrame, SUBPROTOCOL } from '@parley/contracts';
import { WebSocket } from 'ws';
import { Received } from './received.ts';
import { printsOf } from './shown.ts';
import type { Tokens } from './tokens.ts';

const FEWEST_BEFORE_CUT = 50;
const MOST_BEFORE_CUT = 1_500;
const LONGEST_PAUSE_MS = 1_000;
/** For a gateway that has not read the log's end yet. */
const RESUME_AGAIN_MS = 1_000;
const STALLED_MS = 120_000;

export interface ListenerOptions {
  gateway: string;
  userId: string;
  tokens: Tokens;
}

/**
 * One socket of one user. It is cut after a random number of events, without a word to the server, and resumes by
 * position, again and again. It keeps all it was sent as it came: unlike a good client it repairs nothing, so that a
 * doubled or misplaced event shows.
 */
export class Listener {
  readonly userId: string;
  readonly received = new Received();
  /** Sequence from which on it must see everything. */
  startedAfter = 0;
  cuts = 0;
  /** Connections that ended otherwise. */
  losses = 0;
  resumes = 0;
  readonly resets: string[] = [];
  readonly #options: ListenerOptions;
  readonly #waiting = new Set<() => void>();
  #socket: WebSocket | null = null;
  #position: string | null = null;
  #sequence = 0;
  #untilCut = eventsBeforeCut();
  #live = false;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.userId = options.userId;
  }

  /** Everything up to this sequence has been received. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Resolves when the socket is live for the first time. */
  async start(): Promise<void> {
    void this.#connect();
    await this.#until(() => this.#live);
  }

  /** Resolves when the listener has seen all up to a sequence. Rejects after two minutes without any progress. */
  reach(sequence: number): Promise<void> {
    return this.#until(() => this.#sequence >= sequence);
  }

  /** Cuts the socket, and again until what it resumed reaches a sequence: positions without events come seldom. */
  async resumeTo(sequence: number): Promise<void> {
    for (;;) {
      this.cut();
      await this.#until(() => this.#live);
      if (this.#sequence >= sequence) return;
      await delay(RESUME_AGAIN_MS);
    }
  }

  cut(): void {
    this.cuts++;
    this.#live = false;
    this.#socket?.terminate();
  }

  close(): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  async #connect(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt++) {
      const cutsBefore = this.cuts;
      const served = await this.#session().catch(() => false);
      if (this.#closed) return;
      if (this.cuts === cutsBefore && this.#position !== null) this.losses++;
      if (served) attempt = 0;
      await delay(Math.random() * Math.min(LONGEST_PAUSE_MS, 50 * 2 ** attempt));
    }
  }

  /** One connection from hello to its end; true when it got as far as being live. */
  async #session(): Promise<boolean> {
    const { gateway, tokens } = this.#options;
    const token = await tokens.of(this.userId);
    const socket = new WebSocket(gateway, SUBPROTOCOL);
    this.#socket = socket;
    this.#live = false;
    let served = false;
    return new Promise((resolve) => {
      socket.on('open', () =>
        socket.send(JSON.stringify({ t: 'hello', token, device: 'demo', since: this.#position })),
      );
      socket.on('message', (data) => {
        // What was on its way when the cut came counts as lost with the socket.
        if (socket.readyState !== WebSocket.OPEN) return;
        this.#take(JSON.parse(String(data)) as ServerFrame);
        served ||= this.#live;
      });
      // The close that follows says all there is to do.
      socket.on('error', () => {});
      socket.on('close', (code) => {
        if (code === 4403 || code === 4500) tokens.forget(this.userId);
        this.#live = false;
        resolve(served);
      });
    });
  }

  #take(frame: ServerFrame): void {
    switch (frame.t) {
      case 'welcome':
        if (this.#position === null) this.startedAfter = sequenceOf(frame.position);
        if (frame.resumed) this.resumes++;
        this.#advance(frame.position);
        break;
      case 'commit':
        this.#record([frame], frame.seq);
        break;
      case 'commits':
        this.#record(frame.items, frame.items.at(-1)?.seq ?? 0);
        break;
      case 'live':
        this.#live = true;
        this.#advance(frame.position);
        break;
      case 'hb':
        this.#socket?.send('{"t":"hb"}');
        this.#advance(frame.position);
        break;
      case 'reset':
        this.resets.push(frame.reason);
        this.#advance(frame.position);
        break;
    }
  }

  #record(items: Extract<ServerFrame, { t: 'commits' }>['items'], last: number): void {
    for (const { seq, events } of items) {
      for (const event of events) {
        for (const print of printsOf(event)) this.received.add(seq, print);
      }
      this.#untilCut -= events.length;
    }
    this.#sequence = Math.max(this.#sequence, last);
    this.#position = this.#position?.replace(/\d+$/, String(this.#sequence)) ?? null;
    this.#wake();
    if (this.#untilCut > 0 || !this.#live) return;
    this.#untilCut = eventsBeforeCut();
    this.cut();
  }

  #advance(position: string): void {
    this.#position = position;
    this.#sequence = sequenceOf(position);
    this.#wake();
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }

  #until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const look = (): void => {
        if (condition()) settle();
        else timer.refresh();
      };
      const stalled = (): void => settle(new Error(`the socket of ${this.userId} makes no progress`));
      const timer = setTimeout(stalled, STALLED_MS);
      this.#waiting.add(look);
    });
  }
}

function sequenceOf(position: string): number {
  return parsePosition(position)?.sequence ?? 0;
}

function eventsBeforeCut(): number {
  return FEWEST_BEFORE_CUT + Math.floor(Math.random() * (MOST_BEFORE_CUT - FEWEST_BEFORE_CUT));
}
