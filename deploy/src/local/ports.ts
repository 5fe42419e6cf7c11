import { createServer } from 'node:net';

/** The server ended because its port is in use; another port is worth a try. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

const attempts = 5;

export function freePort(): Promise<number> {
  return listenOnce(0);
}

export async function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
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

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
