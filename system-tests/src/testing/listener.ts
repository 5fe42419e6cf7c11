import { once } from 'node:events';
import {
  type ClientFrame,
  type CommitItem,
  type HelloFrame,
  type ServerFrame,
  SUBPROTOCOL,
} from '@parley/contracts';
import { WebSocket } from 'ws';

type Frame<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

/** A bare socket that keeps every frame it is sent, in order, and answers heartbeats. */
export class Listener {
  readonly frames: ServerFrame[] = [];
  readonly socket: WebSocket;
  closeCode: number | null = null;
  #changed: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.#take(JSON.parse(data.toString()) as ServerFrame));
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#changed();
    });
    socket.on('error', () => undefined);
  }

  /** Opens a socket to a gateway and says hello. */
  static async open(gateway: { url: string }, hello: Omit<HelloFrame, 't'>): Promise<Listener> {
    const url = `${gateway.url.replace('http', 'ws')}/v1/socket`;
    const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
    const listener = new Listener(socket);
    await once(socket, 'open');
    socket.send(JSON.stringify({ t: 'hello', ...hello }));
    return listener;
  }

  say(frame: ClientFrame): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Resolves when the condition holds; looks whenever a frame comes. Rejects when the socket closes before. */
  async until(condition: (listener: Listener) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode} before the condition held`);
      await this.#change();
    }
  }

  async closed(): Promise<number> {
    while (this.closeCode === null) await this.#change();
    return this.closeCode;
  }

  async live(): Promise<void> {
    await this.until(() => this.of('live').length > 0);
  }

  of<T extends ServerFrame['t']>(type: T): Frame<T>[] {
    return this.frames.filter((frame): frame is Frame<T> => frame.t === type);
  }

  /** All commits of the feed in the order of their arrival. */
  commits(): CommitItem[] {
    return this.frames.flatMap((frame) => {
      if (frame.t === 'commits') return frame.items;
      return frame.t === 'commit' ? [{ seq: frame.seq, events: frame.events }] : [];
    });
  }

  sequences(): number[] {
    return this.commits().map(({ seq }) => seq);
  }

  /** Cuts the line without a word. */
  drop(): void {
    this.socket.terminate();
  }

  #take(frame: ServerFrame): void {
    this.frames.push(frame);
    if (frame.t === 'hb') this.say({ t: 'hb' });
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}
