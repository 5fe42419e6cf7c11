import { once } from 'node:events';
import { type ServerFrame, SUBPROTOCOL, serverFrames } from '@parley/contracts';
import { WebSocket } from 'ws';
import { ReadingClient } from './reading-client.ts';

/** A real socket that keeps what it is sent. */
export class TestSocket {
  readonly client = new ReadingClient();
  readonly frames: ServerFrame[] = [];
  readonly socket: WebSocket;
  closeCode: number | null = null;
  #changed: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const frame = JSON.parse(data.toString()) as ServerFrame;
      // What is said is what the document says, and no field more.
      serverFrames[frame.t].strict().parse(frame);
      this.frames.push(frame);
      this.client.read(frame);
      this.#changed();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#changed();
    });
  }

  static async open(url: string, protocol: string | undefined = SUBPROTOCOL): Promise<TestSocket> {
    const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
    const test = new TestSocket(socket);
    await once(socket, 'open');
    return test;
  }

  send(frame: unknown): void {
    this.raw(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  raw(data: string | Buffer): void {
    this.socket.send(data);
  }

  /** Resolves when the condition holds; looks whenever a frame or the close comes. */
  async until(condition: (socket: TestSocket) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode} before the condition held`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  live(): Promise<void> {
    return this.until(({ client }) => client.live);
  }

  seen(sequence: number): Promise<void> {
    return this.until(({ client }) => client.seen.some(({ seq }) => seq === sequence));
  }

  async closed(): Promise<number> {
    while (this.closeCode === null) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.closeCode;
  }

  frame<T extends ServerFrame['t']>(type: T): Extract<ServerFrame, { t: T }> | undefined {
    return this.frames.find((frame): frame is Extract<ServerFrame, { t: T }> => frame.t === type);
  }

  sequences(): number[] {
    return this.client.seen.map(({ seq }) => seq);
  }
}
