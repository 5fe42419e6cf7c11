import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** The network between clients and some servers: one hop to each, all cut and healed together. Bytes pass unchanged. */
export class CuttableNetwork {
  readonly #hops: readonly Server[];
  readonly #pairs = new Set<{ near: Socket; far: Socket }>();
  #down = false;
  /** Connections that a cut has ended. */
  cutConnections = 0;

  private constructor(hops: readonly Server[]) {
    this.#hops = hops;
  }

  static async to(ports: readonly number[]): Promise<CuttableNetwork> {
    const network = new CuttableNetwork(ports.map(() => createServer()));
    for (const [index, port] of ports.entries()) {
      const hop = network.#hops[index];
      if (!hop) continue;
      hop.on('connection', (near) => network.#join(near, port));
      hop.listen(0, '127.0.0.1');
      await once(hop, 'listening');
    }
    return network;
  }

  /** In the order of the servers' ports. */
  get ports(): number[] {
    return this.#hops.map((hop) => (hop.address() as AddressInfo).port);
  }

  /** Ends every connection, in the middle of whatever it carries, and refuses new ones until `heal`. */
  cut(): void {
    this.#down = true;
    this.cutConnections += this.#pairs.size;
    this.#endAll();
  }

  heal(): void {
    this.#down = false;
  }

  async stop(): Promise<void> {
    this.#endAll();
    await Promise.all(this.#hops.map((hop) => new Promise((resolve) => hop.close(resolve))));
  }

  #endAll(): void {
    // Abruptly, so that what is under way is lost as it is when a link breaks.
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  #join(near: Socket, port: number): void {
    if (this.#down) {
      near.on('error', () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.pipe(far);
    far.pipe(near);
  }
}
