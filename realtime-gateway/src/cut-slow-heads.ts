import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** Cuts connections whose first request has no whole head in time: Node looks for late ones only every 30 s. */
export function cutSlowHeads(server: Server, timeoutMs: number): void {
  const waiting = new Map<Duplex, NodeJS.Timeout>();
  function settle(this: Duplex): void {
    clearTimeout(waiting.get(this));
    waiting.delete(this);
    this.off('close', settle);
  }
  server.on('connection', (connection) => {
    waiting.set(
      connection,
      setTimeout(() => connection.destroy(), timeoutMs),
    );
    connection.on('close', settle);
  });
  const arrived = ({ socket }: IncomingMessage): void => settle.call(socket);
  server.on('request', arrived);
  server.on('upgrade', arrived);
}
