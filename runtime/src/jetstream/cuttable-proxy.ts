import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP hop to a real server that can lose answers: for tests of what a client does when it never hears back. */
export class CuttableProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  #swallow = false;
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(upstreamUrl: string): Promise<CuttableProxy> {
    const target = new URL(upstreamUrl);
    const server = createServer();
    const proxy = new CuttableProxy(server);
    server.on('connection', (client) => proxy.#join(client, Number(target.port), target.hostname));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy does not listen');
    return `nats://127.0.0.1:${address.port}`;
  }

  /** The next request reaches the server; its answer does not come back, and the connection breaks. */
  swallowAnswersThenCut(): void {
    this.#swallow = true;
  }

  async stop(): Promise<void> {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, port: number, host: string): void {
    const upstream = connect(port, host);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      // Only an answer counts, not the server's pings and infos.
      if (this.#swallow && bytes.includes('MSG ')) {
        this.#swallow = false;
        this.cuts++;
        end();
        return;
      }
      client.write(bytes);
    });
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end);
  }
}
