import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type CloseCode, SOCKET_LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Socket } from './connection.ts';

const TEXT = { binary: false, compress: false } as const;
/** A WebSocket close reason is at most 123 bytes. */
const MAX_REASON_BYTES = 120;

export interface SocketEvents {
  text(text: string): void;
  /** A frame of a kind that the protocol does not have. */
  garbage(detail: string): void;
  gone(): void;
}

export interface AcceptOptions {
  allowedOrigins: readonly string[];
  maxSockets: number;
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
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: SOCKET_LIMITS.frameBytes,
    perMessageDeflate: false,
    // A browser hides why an upgrade failed but shows a close code: so a wrong version is accepted, then closed.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false)),
  });
  let accepting = true;
  server.on('upgrade', (request, connection, head) => {
    connection.on('error', () => connection.destroy());
    const refusal = accepting ? refuse(request, options, sockets.clients.size) : '503 Service Unavailable';
    if (refusal) reject(connection, refusal);
    else sockets.handleUpgrade(request, connection, head, (socket) => attach(socket, options));
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

/** Browsers always say their origin; what comes without one is not a page that a user was lured to. */
function refuse(request: IncomingMessage, options: AcceptOptions, open: number): string | null {
  const path = request.url?.split('?')[0];
  if (path !== SOCKET_PATH) return '404 Not Found';
  const { origin } = request.headers;
  if (origin !== undefined && !options.allowedOrigins.includes(origin)) return '403 Forbidden';
  return open >= options.maxSockets ? '503 Service Unavailable' : null;
}

function reject(connection: Duplex, status: string): void {
  connection.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

function attach(socket: WebSocket, options: AcceptOptions): void {
  // Frame and payload faults close the socket with their own codes (1002, 1007, 1009); `close` follows.
  socket.on('error', () => undefined);
  if (socket.protocol !== SUBPROTOCOL) {
    socket.close(4502, `this server speaks ${SUBPROTOCOL}`);
    return;
  }
  const events = options.accept({
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(frame, written) {
      socket.send(frame, TEXT, written);
    },
    close(code: CloseCode, reason: string) {
      socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString());
    },
  });
  socket.on('message', (data: RawData, binary: boolean) => {
    if (binary) events.garbage('frames are text');
    else events.text(data.toString());
  });
  socket.on('close', () => events.gone());
}
