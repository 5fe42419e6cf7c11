import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface TokenOptions {
  sub?: string;
  claims?: Record<string, unknown>;
  issuer?: string;
  audience?: string;
  /** Seconds from now; negative = in the past. */
  expiresIn?: number;
  kid?: string;
}

/** A token issuer for tests that can rotate its keys, go away and come back at the same address. */
export class KeyServer {
  readonly issuer = 'https://issuer.example';
  readonly audience = 'parley';
  /** How often the key set was read. */
  reads = 0;
  #published: JWK[] = [];
  #current: { kid: string; alg: string; key: CryptoKey } | undefined;
  #server: Server | undefined;
  #port = 0;

  get jwksUrl(): string {
    return `http://127.0.0.1:${this.#port}/jwks.json`;
  }

  async start(): Promise<this> {
    const server = createServer((_request, response) => {
      this.reads += 1;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: this.#published }));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    if (this.#current === undefined) await this.rotate();
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** From here on signs with a new key; the old ones are not published any more. */
  async rotate(alg = 'ES256'): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${Math.random()}`;
    this.#published = [{ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }];
    this.#current = { kid, alg, key: privateKey };
  }

  /** The public half of the current key, as an attacker would read it. */
  publicJwk(): JWK {
    const [jwk] = this.#published;
    if (jwk === undefined) throw new Error('no key yet');
    return jwk;
  }

  sign(options: TokenOptions = {}): Promise<string> {
    if (this.#current === undefined) throw new Error('no key yet');
    const { kid, alg, key } = this.#current;
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ ...(options.sub !== '' && { sub: options.sub ?? 'alice' }), ...options.claims })
      .setProtectedHeader({ alg, kid: options.kid ?? kid })
      .setIssuer(options.issuer ?? this.issuer)
      .setAudience(options.audience ?? this.audience)
      .setIssuedAt(now - 600)
      .setExpirationTime(now + (options.expiresIn ?? 3_600))
      .sign(key);
  }
}
