import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { SOCKET_PATH, SUBPROTOCOL } from '@parley/contracts';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Socket } from './connection.ts';
import { bytesOf } from './session/bytes.ts';
import { type AcceptOptions, acceptSockets } from './websocket.ts';

const ends: (() => void)[] = [];
/** The connections of the newest server, from its side. */
let open: Duplex[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** A server of sockets alone; `accepted` has what it took. */
async function serve(options: Partial<AcceptOptions> = {}): Promise<{ url: string; accepted: Socket[] }> {
  const server: Server = createServer((_, response) => response.end('plain HTTP'));
  const accepted: Socket[] = [];
  const connections: Duplex[] = [];
  open = connections;
  server.on('connection', (connection) => connections.push(connection));
  const sockets = acceptSockets(server, {
    allowedOrigins: [],
    trustedProxies: [],
    maxSockets: 100,
    maxGreetingPerAddress: 100,
    accept(socket) {
      accepted.push(socket);
      const ignore = (): void => undefined;
      return { text: ignore, control: ignore, garbage: ignore, gone: ignore };
    },
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    sockets.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${SOCKET_PATH}`, accepted };
}

function dial(url: string, headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(url, [SUBPROTOCOL], { headers });
  socket.on('error', () => undefined);
  ends.push(() => socket.terminate());
  return socket;
}

/** `open`, or the status with which the upgrade was refused. */
function outcome(socket: WebSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('open', () => resolve('open'));
    socket.once('error', (error) => resolve(/\d{3}/.exec(error.message)?.[0] ?? error.message));
  });
}

test('a frame of any length arrives as it was sent, to each of several sockets, in order', async () => {
  const { url, accepted } = await serve();
  const clients = [dial(url), dial(url)];
  const received: string[][] = [[], []];
  for (const [index, client] of clients.entries()) {
    client.on('message', (data) => received[index]?.push(data.toString()));
    await once(client, 'open');
  }
  const texts = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000].map(
    (length) => 'é'.repeat(length / 2) + length,
  );
  for (const text of texts) {
    const payload = bytesOf(text);
    for (const socket of accepted) socket.send(payload);
  }
  for (const each of received) await expect.poll(() => each, { timeout: 20_000 }).toEqual(texts);
});

test('whoever is refused and keeps their half open does not keep the connection', async () => {
  const { url } = await serve();
  const { port } = new URL(url);
  const peer = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  ends.push(() => peer.destroy());
  peer.write('GET /nope HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await once(peer, 'data');
  const [server] = open;
  await expect.poll(() => server?.destroyed).toBe(true);
});

test('pings are answered between frames, and nothing follows a close frame', async () => {
  const { url, accepted } = await serve();
  const client = dial(url);
  await once(client, 'open');
  const received: string[] = [];
  client.on('message', (data) => received.push(data.toString()));
  client.ping('are you there');
  const [pong] = await once(client, 'pong');
  expect(String(pong)).toBe('are you there');
  const [socket] = accepted;
  socket?.send(bytesOf('before'));
  socket?.close(4001, 'going away');
  const written = new Promise<void>((resolve) => socket?.send(bytesOf('after'), () => resolve()));
  expect((await once(client, 'close'))[0]).toBe(4001);
  await written;
  expect(received).toEqual(['before']);
});

test('what a client does not take counts as buffered until it does, and arrives whole', async () => {
  const { url, accepted } = await serve();
  const client = dial(url);
  await once(client, 'open');
  let received = 0;
  client.on('message', () => received++);
  client.pause();
  const [socket] = accepted;
  const payload = new Uint8Array(100_000).fill(120);
  let sent = 0;
  for (; (socket?.bufferedBytes ?? 0) < 1_000_000; sent++) {
    socket?.send(payload);
    await new Promise(setImmediate);
  }
  client.resume();
  await expect.poll(() => received, { timeout: 10_000 }).toBe(sent);
  expect(socket?.bufferedBytes).toBe(0);
});

test('what is written to a socket that is gone is reported as written', async () => {
  const { url, accepted } = await serve();
  const client = dial(url);
  await once(client, 'open');
  client.terminate();
  const [socket] = accepted;
  const sendUntilGone = async (): Promise<number> => {
    await new Promise<void>((resolve) => socket?.send(bytesOf('x'.repeat(1_000)), () => resolve()));
    return socket?.bufferedBytes ?? -1;
  };
  for (let n = 0; n < 50; n++) expect(await sendUntilGone()).toBe(0);
});

test('a head that does not arrive in time is cut, one that did is not', async () => {
  const { url } = await serve({ headTimeoutMs: 1_500 });
  const { port, host, pathname } = new URL(url);
  const client = dial(url);
  await once(client, 'open');
  const slow = connect(Number(port), '127.0.0.1');
  slow.on('error', () => undefined);
  slow.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\n`);
  const dripping = setInterval(() => slow.write('x-drip: 1\r\n'), 10);
  ends.push(() => clearInterval(dripping));
  const silent = connect(Number(port), '127.0.0.1');
  silent.on('error', () => undefined);
  // Not `once`, which rejects on an error: who writes while it is cut is reset.
  const closed = (socket: Duplex) => new Promise((resolve) => socket.once('close', resolve));
  await Promise.all([closed(slow), closed(silent)]);
  expect(client.readyState).toBe(WebSocket.OPEN);
});

test('sockets that have said nothing are so many per address; one that speaks, or leaves, makes room', async () => {
  const { url } = await serve({ maxGreetingPerAddress: 2 });
  const [a, b] = [dial(url), dial(url)];
  expect([await outcome(a), await outcome(b)]).toEqual(['open', 'open']);
  expect(await outcome(dial(url))).toBe('429');
  a.send('hello');
  await expect.poll(() => outcome(dial(url)), { timeout: 20_000 }).toBe('open');
  expect(await outcome(dial(url))).toBe('429');
  b.close();
  await expect.poll(() => outcome(dial(url)), { timeout: 20_000 }).toBe('open');
});

test('behind a proxy each client has an address of its own', async () => {
  const { url } = await serve({ maxGreetingPerAddress: 1, trustedProxies: ['127.0.0.1'] });
  const from = (address: string): Promise<string> => outcome(dial(url, { 'x-forwarded-for': address }));
  expect([await from('203.0.113.1'), await from('203.0.113.2')]).toEqual(['open', 'open']);
  expect(await from('203.0.113.1')).toBe('429');
  expect(await from('203.0.113.9, 203.0.113.2')).toBe('429');
});

test('there is a last socket', async () => {
  const { url } = await serve({ maxSockets: 1 });
  expect(await outcome(dial(url))).toBe('open');
  expect(await outcome(dial(url))).toBe('503');
});
