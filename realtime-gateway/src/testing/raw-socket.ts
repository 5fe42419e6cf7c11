import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '@parley/contracts';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface FrameOptions {
  opcode?: number;
  final?: boolean;
  masked?: boolean;
  reservedBits?: number;
}

/** A client frame, as right or wrong as it is asked for. Its mask is zero: the payload is readable as it stands. */
export function rawFrame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, final = true, masked = true, reservedBits = 0 } = options;
  const body = Buffer.from(payload);
  const first = (final ? 0x80 : 0) | (reservedBits << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const head = body.length < 126 ? Buffer.from([first, mask | body.length]) : Buffer.alloc(4);
  if (body.length >= 126) {
    head.set([first, mask | 126]);
    head.writeUInt16BE(body.length, 2);
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), body]);
}

/** A WebSocket client made of TCP alone: it may break every rule. */
export class RawSocket {
  readonly tcp: Socket;
  #input = Buffer.alloc(0);
  /** Texts that the server sent. */
  readonly texts: string[] = [];
  #close: { code: number | null } | null = null;
  #changed: () => void = () => undefined;

  private constructor(tcp: Socket) {
    this.tcp = tcp;
    tcp.on('error', () => undefined);
    tcp.on('close', () => {
      this.#close ??= { code: null };
      this.#changed();
    });
  }

  /** TCP that has sent `head`, or a whole upgrade. */
  static async open(url: string, head?: string): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const tcp = connect(Number(port), hostname);
    await once(tcp, 'connect');
    const socket = new RawSocket(tcp);
    tcp.write(head ?? upgradeOf(pathname));
    if (head !== undefined) return socket;
    const [answer] = (await once(tcp, 'data')) as [Buffer];
    const end = answer.indexOf('\r\n\r\n') + 4;
    if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(answer.toString());
    socket.#read(answer.subarray(end));
    tcp.on('data', (chunk) => socket.#read(chunk));
    return socket;
  }

  /** Resolves when the bytes are on their way; to false when they cannot be any more. */
  write(bytes: Buffer): Promise<boolean> {
    if (this.#close !== null || !this.tcp.writable) return Promise.resolve(false);
    if (this.tcp.write(bytes)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        this.tcp.off('drain', settle);
        this.tcp.off('close', settle);
        resolve(this.#close === null);
      };
      this.tcp.on('drain', settle);
      this.tcp.on('close', settle);
      this.#changed = settle;
    });
  }

  frame(payload: string | Uint8Array, options?: FrameOptions): Promise<boolean> {
    return this.write(rawFrame(payload, options));
  }

  /** The close code that the server gave; null when the connection ended without one. */
  async closed(): Promise<number | null> {
    while (this.#close === null) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    this.tcp.destroy();
    return this.#close.code;
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    for (;;) {
      const frame = serverFrame(this.#input);
      if (!frame) return;
      this.#input = this.#input.subarray(frame.size);
      if (frame.opcode === OPCODE.text) this.texts.push(frame.payload.toString());
      if (frame.opcode === OPCODE.close) {
        this.#close ??= { code: frame.payload.length >= 2 ? frame.payload.readUInt16BE() : null };
      }
      this.#changed();
    }
  }
}

function upgradeOf(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: ${SUBPROTOCOL}\r\n\r\n`;
}

function serverFrame(input: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  const [first = 0, short = 0] = input;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (input.length < start) return null;
  const length =
    short < 126 ? short : short === 126 ? input.readUInt16BE(2) : Number(input.readBigUInt64BE(2));
  if (input.length < start + length) return null;
  return { opcode: first & 15, payload: input.subarray(start, start + length), size: start + length };
}
