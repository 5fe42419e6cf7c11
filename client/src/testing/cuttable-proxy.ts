import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A network between the client and a service that can be broken at will; bytes pass unchanged. */
export class CuttableProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** What the service answers is swallowed, and the connection cut with it, so many times. */
  #lostAnswers = 0;
  #refuses = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<CuttableProxy> {
    const server = createServer();
    const proxy = new CuttableProxy(server);
    server.on('connection', (near) => proxy.#join(near, connect(port, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(near: Socket, far: Socket): void {
    if (this.#refuses) near.destroy();
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    near.pipe(far);
    far.on('data', (bytes) => {
      if (this.#lostAnswers === 0) {
        near.write(bytes);
        return;
      }
      this.#lostAnswers--;
      end();
    });
  }

  loseAnswers(count: number): void {
    this.#lostAnswers = count;
  }

  /** While on, every connection ends at once: there is no network. */
  refuse(on: boolean): void {
    this.#refuses = on;
    if (on) this.cut();
  }

  cut(): void {
    for (const [near] of this.#pairs) near.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
