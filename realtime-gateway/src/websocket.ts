import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type CloseCode, SOCKET_LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { clientAddresses } from './client-address.ts';
import type { Socket } from './connection.ts';
import { textFrame } from './session/bytes.ts';

/** A WebSocket close reason is at most 123 bytes. */
const MAX_REASON_BYTES = 120;
/** How long a client may take to answer a close before its connection is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Longest time from a connection to the end of its first request's head. */
const HEAD_TIMEOUT_MS = 10_000;
/** Parts of one message, empty ones too, and pieces of one part: a client that means well has a few of either. */
const MAX_FRAGMENTS = 64;
const MAX_CHUNKS = 1_024;

/** A constant of its own: the types of the library do not know `closeTimeout` yet. */
const SERVER_OPTIONS = {
  noServer: true,
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
  const sockets = new WebSocketServer(SERVER_OPTIONS);
  const addressOf = clientAddresses(options.trustedProxies);
  const greeting = new Greeting(options.maxGreetingPerAddress);
  const framed = new LastFrame();
  let accepting = true;
  cutSlowHeads(server, options.headTimeoutMs ?? HEAD_TIMEOUT_MS);
  server.on('upgrade', (request, connection, head) => {
    connection.on('error', () => connection.destroy());
    const address = addressOf(request);
    const refusal = accepting
      ? refuse(request, options, { open: sockets.clients.size, crowded: greeting.isFull(address) })
      : '503 Service Unavailable';
    if (refusal) {
      reject(connection, refusal);
      return;
    }
    sockets.handleUpgrade(request, connection, head, (socket) => {
      attach(socket, { connection, framed, accept: options.accept, greeted: greeting.enter(address) });
    });
  });
  return {
    stopAccepting() {
      accepting = false;
    },
    terminate() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

/** Node looks for late heads only every 30 s. */
function cutSlowHeads(server: Server, timeoutMs: number): void {
  const waiting = new WeakMap<Duplex, NodeJS.Timeout>();
  server.on('connection', (connection) => {
    const timer = setTimeout(() => connection.destroy(), timeoutMs);
    waiting.set(connection, timer);
    connection.once('close', () => clearTimeout(timer));
  });
  const arrived = ({ socket }: IncomingMessage): void => clearTimeout(waiting.get(socket));
  server.on('request', arrived);
  server.on('upgrade', arrived);
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
  connection.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** Sockets that have said nothing yet, by client address: whoever opens many must at least show a token for each. */
class Greeting {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  isFull(address: string): boolean {
    return (this.#open.get(address) ?? 0) >= this.#max;
  }

  /** What it gives is called when the socket has spoken, or is gone; later calls do nothing. */
  enter(address: string): () => void {
    this.#open.set(address, (this.#open.get(address) ?? 0) + 1);
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      const left = (this.#open.get(address) ?? 0) - 1;
      if (left > 0) this.#open.set(address, left);
      else this.#open.delete(address);
    };
  }
}

/** A payload goes to many sockets one after another: its frame is made for the first of them. */
class LastFrame {
  #payload: Uint8Array | null = null;
  #frame: Buffer = Buffer.alloc(0);

  of(payload: Uint8Array): Buffer {
    if (payload !== this.#payload) {
      // A Buffer, since a stream wraps anything else into one, for every write.
      this.#frame = Buffer.from(textFrame(payload).buffer);
      this.#payload = payload;
    }
    return this.#frame;
  }
}

/** The bytes of one socket. A class, since ten thousand of these are looked at for every message to all. */
class WebSocketWire implements Socket {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #framed: LastFrame;

  constructor(socket: WebSocket, connection: Duplex, framed: LastFrame) {
    this.#socket = socket;
    this.#connection = connection;
    this.#framed = framed;
  }

  get bufferedBytes(): number {
    return this.#connection.writableLength;
  }

  /**
   * Past the library, which would make a header, and two writes, for every socket: uncompressed frames may go between its
   * own. After a close frame nothing may follow.
   */
  send(frame: Uint8Array, written?: () => void): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#connection.write(this.#framed.of(frame), written);
    else written?.();
  }

  close(code: CloseCode, reason: string): void {
    this.#socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString());
    if (code !== 4009) return;
    // The rest of a flood stays with the one who sends it, who need not answer the close either.
    this.#socket.pause();
    this.#connection.end();
  }
}

interface Attachment {
  connection: Duplex;
  framed: LastFrame;
  accept(socket: Socket): SocketEvents;
  greeted(): void;
}

function attach(socket: WebSocket, { connection, framed, accept, greeted }: Attachment): void {
  // Frame and payload faults close the socket with their own codes (1002, 1007, 1008, 1009); `close` follows.
  socket.on('error', () => undefined);
  socket.on('close', greeted);
  if (socket.protocol !== SUBPROTOCOL) {
    socket.close(4502, `this server speaks ${SUBPROTOCOL}`);
    return;
  }
  const events = accept(new WebSocketWire(socket, connection, framed));
  socket.on('message', (data: RawData, binary: boolean) => {
    greeted();
    if (binary) events.garbage('frames are text');
    else events.text(data.toString());
  });
  socket.on('ping', () => events.control());
  socket.on('pong', () => events.control());
  socket.on('close', () => events.gone());
}
