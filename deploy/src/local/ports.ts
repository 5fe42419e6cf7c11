import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** The server ended because its port is in use; another port is worth a try. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

const attempts = 5;

// Below what Linux, macOS and Windows give to outgoing connections: while a server is down between kill and restart,
// a reconnecting client would otherwise get its port now and then (seen in a cluster of three).
const lowest = 20_000;
const highest = 31_999;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest + 1);
    if (given.has(port)) continue;
    // Taken before it is tried: another caller may draw the same number meanwhile.
    given.add(port);
    if (await isFree(port)) return port;
    given.delete(port);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface PortWish {
  /** This port or an error. */
  port?: number | undefined;
  /** This port when it is free, else any. */
  preferPort?: number | undefined;
}

/** Between finding a port free and binding it somebody may take it, so a lost race is tried again. */
export async function withPort<T>(wish: PortWish, start: (port: number) => Promise<T>): Promise<T> {
  if (wish.port !== undefined) return start(wish.port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await choosePort(attempt === 1 ? wish.preferPort : undefined));
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === attempts) throw error;
    }
  }
}

export async function choosePort(prefer: number | undefined): Promise<number> {
  return prefer !== undefined && (await isFree(prefer)) ? prefer : freePort();
}
