import { uuidv7 } from 'uuidv7';
import { type ClientOptions, createClient, type ParleyClient } from '../client.ts';
import type { SocketConstructor, SocketLike } from '../connection.ts';

export type Wire = 'command' | 'read' | 'socket';

export interface StageAddresses {
  origin: string;
  commandApi: string;
  readApi: string;
  gateway: string;
}

/** For a condition that becomes true; on a busy machine it takes what it takes. */
const PATIENCE_MS = 60_000;

/** The services and the networks to them, as a client sees them: the same in Node and in a browser. */
export class Stage {
  readonly #addresses: StageAddresses;
  readonly #WebSocket: SocketConstructor | undefined;
  readonly #run = uuidv7().slice(-12);

  constructor(addresses: StageAddresses, WebSocket?: SocketConstructor) {
    this.#addresses = addresses;
    this.#WebSocket = WebSocket;
  }

  /** Nobody else's in any other scenario. */
  user(name: string): string {
    return `${name}-${this.#run}`;
  }

  clientOf(name: string, options: Partial<ClientOptions> = {}): ParleyClient {
    const { origin, ...services } = this.#addresses;
    return createClient({
      ...services,
      token: () => this.tokenOf(name),
      ...(this.#WebSocket && { WebSocket: this.#WebSocket }),
      ...options,
    });
  }

  async tokenOf(name: string): Promise<string> {
    const answer = await fetch(`${this.#addresses.origin}/token/${encodeURIComponent(this.user(name))}`);
    return await answer.text();
  }

  cut(wire: Wire): Promise<void> {
    return this.#control(`${wire}/cut`);
  }

  loseAnswers(wire: Wire, count: number): Promise<void> {
    return this.#control(`${wire}/lose/${count}`);
  }

  refuse(wire: Wire, on: boolean): Promise<void> {
    return this.#control(`${wire}/refuse/${on ? 'on' : 'off'}`);
  }

  /** A socket whose greeting can be changed on the way, as if it came from somewhere else. */
  socketThatGreets(change: (hello: { since: string | null }) => void): SocketConstructor {
    const Base = (this.#WebSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket) as new (
      url: string,
      protocol: string,
    ) => SocketLike;
    return class extends Base {
      override send(text: string): void {
        const frame = JSON.parse(text);
        if (frame.t === 'hello') change(frame);
        super.send(JSON.stringify(frame));
      }
    };
  }

  async #control(what: string): Promise<void> {
    await fetch(`${this.#addresses.origin}/${what}`);
  }
}

/** Resolves with what `look` gives once it gives something; throws with what was seen last when it never does. */
export async function until<T>(look: () => T | null | undefined | false, seen?: () => unknown): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > deadline) {
      const last = seen ? ` It was ${JSON.stringify(seen())}` : '';
      throw new Error(`never became true: ${look}.${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Throws unless both are the same as JSON. */
export function same(actual: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`expected ${should}, got ${is}`);
}
