import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { CuttableProxy } from './cuttable-proxy.ts';
import { type Services, startServices } from './services.ts';
import type { StageAddresses, Wire } from './stage.ts';

const PAGE = '<!doctype html><meta charset="utf-8"><title>Parley</title><div id="root"></div>';

/** The real services behind networks that can be broken, and a page that uses them: what `stage.ts` talks to. */
export class StageServer {
  readonly addresses: StageAddresses;
  readonly #services: Services;
  readonly #wires: Record<Wire, CuttableProxy>;
  readonly #server: Server;

  private constructor(server: Server, services: Services, wires: Record<Wire, CuttableProxy>) {
    this.#server = server;
    this.#services = services;
    this.#wires = wires;
    this.addresses = {
      origin: originOf(server),
      commandApi: `http://127.0.0.1:${wires.command.port}`,
      readApi: `http://127.0.0.1:${wires.read.port}`,
      gateway: `ws://127.0.0.1:${wires.socket.port}/v1/socket`,
    };
  }

  static async start(): Promise<StageServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const services = await startServices({ corsOrigins: originOf(server) });
    const [command, read, socket] = await Promise.all([
      CuttableProxy.to(services.commandApi.port),
      CuttableProxy.to(services.readApi.port),
      CuttableProxy.to(services.gateway.port),
    ]);
    const stage = new StageServer(server, services, { command, read, socket });
    server.on('request', (request, response) => void stage.#answer(request, response));
    return stage;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await Promise.all(Object.values(this.#wires).map((wire) => wire.stop()));
    await this.#services.stop();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, what = '', name = '', how = ''] = (request.url ?? '/').split('/');
    if (what === '') response.setHeader('content-type', 'text/html').end(PAGE);
    else if (what === 'token') {
      const { token } = await this.#services.issuer.signer.sign({ sub: decodeURIComponent(name) });
      response.end(token);
    } else if (what in this.#wires) {
      this.#break(this.#wires[what as Wire], name, how);
      response.end();
    } else response.writeHead(404).end();
  }

  #break(wire: CuttableProxy, what: string, how: string): void {
    if (what === 'cut') wire.cut();
    else if (what === 'lose') wire.loseAnswers(Number(how));
    else if (what === 'refuse') wire.refuse(how === 'on');
  }
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A built module with all it imports as one script for a browser. Fails when one of them is a module of Node. */
export async function bundle(entry: URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry.pathname],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    // Libraries say more of what is wrong.
    define: { 'process.env.NODE_ENV': '"development"' },
    logLevel: 'silent',
  });
  const [script] = outputFiles;
  if (!script) throw new Error(`nothing was built from ${entry.pathname}`);
  return script.text;
}
