import { z } from 'zod';
import { Unavailable } from '../run-command.ts';
import { type Attempts, askUntilDefinite } from './ask-again.ts';
import type { Http } from './http.ts';

const tokenSchema = z.object({ token: z.string(), expiresAt: z.union([z.number(), z.string()]) });
const TTL_SECONDS = 12 * 3_600;
const silent: Attempts = { retried: () => {} };

/** Tokens of the local issuer, one a user, asked for once. */
export class Tokens {
  readonly #issuer: string;
  readonly #http: Http;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<string, Promise<string>>();

  constructor(issuer: string, http: Http, signal?: AbortSignal) {
    this.#issuer = issuer;
    this.#http = http;
    this.#signal = signal;
  }

  get size(): number {
    return this.#known.size;
  }

  of(userId: string): Promise<string> {
    const known = this.#known.get(userId);
    if (known) return known;
    const asked = this.#ask(userId);
    asked.catch(() => this.#known.delete(userId));
    this.#known.set(userId, asked);
    return asked;
  }

  /** The token is not valid any more: the next one to need it asks again. */
  forget(userId: string): void {
    this.#known.delete(userId);
  }

  async #ask(userId: string): Promise<string> {
    const body = { sub: userId, roles: [], segments: [], device: 'demo', ttlSeconds: TTL_SECONDS };
    const url = `${this.#issuer}/token`;
    const request = async () => ({ method: 'POST' as const, url, body });
    const answer = await askUntilDefinite(this.#http, request, silent, this.#signal);
    const parsed = tokenSchema.safeParse(answer.json);
    if (answer.status !== 200 || !parsed.success)
      throw new Unavailable(`${url} gave no token: ${answer.status}`);
    return parsed.data.token;
  }
}
