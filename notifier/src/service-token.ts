import { z } from 'zod';

const TIMEOUT_MS = 5_000;
/** Renewed this long before it expires, so that no command is sent with a token that ends on the way. */
const MARGIN_MS = 60_000;

const answerSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

export interface TokenSource {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope: string;
}

/**
 * This process's own token, by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4); one request serves all
 * who wait. Rejects when the endpoint is away or refuses.
 */
export class ServiceToken {
  readonly #source: TokenSource;
  #token: { text: string; renewAt: number } | null = null;
  #asking: Promise<string> | null = null;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  get(now: number): Promise<string> {
    if (this.#token && now < this.#token.renewAt) return Promise.resolve(this.#token.text);
    this.#asking ??= this.#ask(now).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** The command API did not take it: revoked, or the keys have changed. */
  forget(): void {
    this.#token = null;
  }

  async #ask(now: number): Promise<string> {
    const { tokenUrl, clientId, clientSecret, scope } = this.#source;
    const response = await fetch(tokenUrl, {
      method: 'POST',
      // Name and secret are form-encoded first: RFC 6749, section 2.3.1.
      headers: {
        authorization: `Basic ${btoa(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok)
      throw new Error(`the token endpoint answered ${response.status}; check CLIENT_ID and CLIENT_SECRET`);
    const { access_token: text, expires_in: seconds } = answerSchema.parse(await response.json());
    this.#token = { text, renewAt: now + Math.max(0, seconds * 1_000 - MARGIN_MS) };
    return text;
  }
}
