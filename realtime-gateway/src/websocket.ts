import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type CloseCode, SOCKET_LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { clientAddresses } from './client-address.ts';
import type { Socket } from './connection.ts';
import { cutSlowHeads } from './cut-slow-heads.ts';
import { Greeting } from './greeting.ts';
import { LastFrame } from './last-frame.ts';
import { textFrameHead } from './session/bytes.ts';

/** A WebSocket close reason is at most 123 bytes. */
const MAX_REASON_BYTES = 120;
/** How long a client may take to answer a close before its connection is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Longest time from a connection to the end of its first request's head. */
const HEAD_TIMEOUT_MS = 10_000;
/** Parts of one message, empty ones too, and pieces of one part: a client that means well has a few of either. */
const MAX_FRAGMENTS = 64;
const MAX_CHUNKS = 1_024;
/** From here on, a header of its own costs less than a copy behind one. */
const LARGE_FRAME_BYTES = 16_384;

/** A constant of its own: the types of the library do not know `closeTimeout` yet. */
const SERVER_OPTIONS = {
  noServer: true,
  // It would cost a closure and a second `close` listener for every socket.
  clientTracking: false,
  maxPayload: SOCKET_LIMITS.frameBytes,
  maxFragments: MAX_FRAGMENTS,
  maxBufferedChunks: MAX_CHUNKS,
  closeTimeout: CLOSE_TIMEOUT_MS,
  perMessageDeflate: false,
  // A browser hides why an upgrade failed but shows a close code: so a wrong version is accepted, then closed.
  handleProtocols: (offered: Set<string>) =>
    offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false),
};

export interface SocketEvents {
  text(text: string): void;
  /** A ping or pong: answered below this, but it counts. */
  control(): void;
  /** A frame of a kind that the protocol does not have. */
  garbage(detail: string): void;
  gone(): void;
}

export interface AcceptOptions {
  allowedOrigins: readonly string[];
  trustedProxies: readonly string[];
  maxSockets: number;
  /** Sockets of one client address that have not said anything yet. */
  maxGreetingPerAddress: number;
  headTimeoutMs?: number;
  /** Called for every socket that speaks the protocol. */
  accept(socket: Socket): SocketEvents;
}

export interface SocketServer {
  /** Refuses new sockets from now on. */
  stopAccepting(): void;
  /** Cuts what is still open. */
  terminate(): void;
}

/** Takes the upgrades of an HTTP server. The only place that knows the socket library. */
export function acceptSockets(server: Server, options: AcceptOptions): SocketServer {
  const sockets = new WebSocketServer<typeof LinedSocket>({ ...SERVER_OPTIONS, WebSocket: LinedSocket });
  const addressOf = clientAddresses(options.trustedProxies);
  const greeting = new Greeting(options.maxGreetingPerAddress);
  const open = new Set<WebSocket>();
  const reception = { open, framed: new LastFrame(), greeting, accept: options.accept };
  let accepting = true;
  cutSlowHeads(server, options.headTimeoutMs ?? HEAD_TIMEOUT_MS);
  server.on('upgrade', (request, connection, head) => {
    const address = addressOf(request);
    const refusal = accepting
      ? refuse(request, options, { open: open.size, crowded: greeting.isFull(address) })
      : '503 Service Unavailable';
    if (refusal) {
      reject(connection, refusal);
      return;
    }
    sockets.handleUpgrade(request, connection, head, (socket) => {
      attach(socket, new Line(socket, connection, reception, address));
    });
  });
  return {
    stopAccepting() {
      accepting = false;
    },
    terminate() {
      for (const socket of open) socket.terminate();
      sockets.close();
    },
  };
}

/** Browsers always say their origin; what comes without one is not a page that a user was lured to. */
function refuse(
  request: IncomingMessage,
  options: AcceptOptions,
  { open, crowded }: { open: number; crowded: boolean },
): string | null {
  const path = request.url?.split('?')[0];
  if (path !== SOCKET_PATH) return '404 Not Found';
  const { origin } = request.headers;
  if (origin !== undefined && !options.allowedOrigins.includes(origin)) return '403 Forbidden';
  if (crowded) return '429 Too Many Requests';
  return open >= options.maxSockets ? '503 Service Unavailable' : null;
}

function reject(connection: Duplex, status: string): void {
  connection.on('error', () => connection.destroy());
  // Not left to the client: one that keeps its half open would keep it for ever, and a stopping process waiting.
  connection.once('finish', () => connection.destroy());
  connection.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** What the sockets of a server share. */
interface Reception {
  open: Set<WebSocket>;
  framed: LastFrame;
  greeting: Greeting;
  accept(socket: Socket): SocketEvents;
}

/** A socket of the library that leads to its line, so that all sockets have the same listeners. */
class LinedSocket extends WebSocket {
  line: Line | null = null;
}

/** The two ends of one socket. A class, since ten thousand of these are looked at for every message to all. */
class Line implements Socket {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #reception: Reception;
  /** The client's address until it has said something. */
  #greetingFrom: string | null;
  /** Null when the client does not speak the protocol. */
  readonly #events: SocketEvents | null;

  constructor(socket: WebSocket, connection: Duplex, reception: Reception, address: string) {
    this.#socket = socket;
    this.#connection = connection;
    this.#reception = reception;
    this.#greetingFrom = address;
    reception.open.add(socket);
    reception.greeting.enter(address);
    this.#events = socket.protocol === SUBPROTOCOL ? reception.accept(this) : null;
  }

  get bufferedBytes(): number {
    return this.#connection.writableLength;
  }

  /**
   * Past the library, which would make a header, and two writes, for every socket: uncompressed frames may go between its
   * own. After a close frame nothing may follow.
   */
  send(frame: Uint8Array, written?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) written?.();
    else if (frame.length < LARGE_FRAME_BYTES)
      this.#connection.write(this.#reception.framed.of(frame), written);
    else {
      this.#connection.cork();
      this.#connection.write(textFrameHead(frame.length));
      this.#connection.write(frame, written);
      this.#connection.uncork();
    }
  }

  gather(): void {
    const connection = this.#connection;
    connection.cork();
    process.nextTick(() => connection.uncork());
  }

  close(code: CloseCode, reason: string): void {
    this.#socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString());
    if (code !== 4009 && code !== 4501) return;
    // The rest of a flood, or of garbage, stays with the one who sends it, who need not answer the close either.
    this.#socket.pause();
    this.#connection.end();
  }

  said(data: RawData, binary: boolean): void {
    this.#greeted();
    if (binary) this.#events?.garbage('frames are text');
    else this.#events?.text(data.toString());
  }

  control(): void {
    this.#events?.control();
  }

  gone(): void {
    this.#reception.open.delete(this.#socket);
    this.#greeted();
    this.#events?.gone();
  }

  #greeted(): void {
    if (this.#greetingFrom === null) return;
    this.#reception.greeting.leave(this.#greetingFrom);
    this.#greetingFrom = null;
  }
}

function attach(socket: LinedSocket, line: Line): void {
  socket.line = line;
  // Frame and payload faults close the socket with their own codes (1002, 1007, 1008, 1009); `close` follows.
  socket.on('error', ignore);
  socket.on('close', onClose);
  if (socket.protocol !== SUBPROTOCOL) {
    socket.close(4502, `this server speaks ${SUBPROTOCOL}`);
    return;
  }
  socket.on('message', onMessage);
  socket.on('ping', onControl);
  socket.on('pong', onControl);
}

function lineOf(socket: WebSocket): Line | null {
  return socket instanceof LinedSocket ? socket.line : null;
}

function ignore(): void {}

function onMessage(this: WebSocket, data: RawData, binary: boolean): void {
  lineOf(this)?.said(data, binary);
}

function onControl(this: WebSocket): void {
  lineOf(this)?.control();
}

function onClose(this: WebSocket): void {
  lineOf(this)?.gone();
}
