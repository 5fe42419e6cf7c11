import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Unavailable, UsageError } from '../run-command.ts';

const TIMEOUT_MS = 30_000;
/** A token that ends within this time is asked for anew. */
const MARGIN_MS = 60_000;
/** Programs that run at once. */
const AT_ONCE = 4;
const run = promisify(execFile);

interface Held {
  token: Promise<string>;
  /** Milliseconds since 1970; for ever when the token does not say. */
  endsAt: number;
}

/**
 * Tokens from a program: it gets a user id as its last argument and prints a token of theirs. No shell is between, so a
 * user id can be any text; the command is split at spaces and nothing in it is quoted.
 */
export class TokenCommand {
  readonly #program: string;
  readonly #words: readonly string[];
  readonly #held = new Map<string, Held>();
  #lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  #asked = 0;

  constructor(command: string) {
    const [program, ...words] = command.split(/\s+/).filter((word) => word !== '');
    if (program === undefined) throw new UsageError('--token-command needs a program.');
    this.#program = program;
    this.#words = words;
  }

  /** Rejects with Unavailable when the program fails or prints nothing. */
  of(userId: string): Promise<string> {
    const held = this.#held.get(userId);
    if (held && held.endsAt - MARGIN_MS > Date.now()) return held.token;
    const asked: Held = { token: this.#inLane(() => this.#ask(userId)), endsAt: Number.POSITIVE_INFINITY };
    this.#held.set(userId, asked);
    asked.token.then(
      (token) => {
        asked.endsAt = endOf(token);
      },
      () => this.#held.delete(userId),
    );
    return asked.token;
  }

  /** The token is not valid any more. */
  forget(userId: string): void {
    this.#held.delete(userId);
  }

  #inLane(ask: () => Promise<string>): Promise<string> {
    const lane = this.#asked++ % AT_ONCE;
    const asked = (this.#lanes[lane] ?? Promise.resolve()).then(ask);
    this.#lanes[lane] = asked.catch(() => {});
    return asked;
  }

  async #ask(userId: string): Promise<string> {
    const printed = await run(this.#program, [...this.#words, userId], { timeout: TIMEOUT_MS }).catch(
      (error: Error & { stderr?: string }) => {
        const said = (error.stderr || error.message).trim().split('\n').slice(-1)[0];
        throw new Unavailable(`${this.#program} gave no token for ${userId}: ${said}`);
      },
    );
    const token = printed.stdout.trim();
    if (token === '') throw new Unavailable(`${this.#program} printed no token for ${userId}.`);
    return token;
  }
}

/** When a JSON Web Token ends; only the server knows whether it is a good one. A token that ends at once is used once. */
function endOf(token: string): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims.exp === 'number' ? claims.exp * 1_000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
