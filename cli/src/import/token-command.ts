import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Unavailable, UsageError } from '../run-command.ts';

const TIMEOUT_MS = 30_000;
/** A token that ends within this time is asked for anew. */
const MARGIN_MS = 60_000;
/** Programs that run at once. */
const AT_ONCE = 4;
/** What may stand in a header as it is. */
const TOKEN = /^[\x21-\x7e]+$/;
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
  readonly #signal: AbortSignal;
  #lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  #asked = 0;

  /** The signal ends the programs that run. */
  constructor(command: string, signal: AbortSignal) {
    const [program, ...words] = command.split(/\s+/).filter((word) => word !== '');
    if (program === undefined) throw new UsageError('--token-command needs a program.');
    this.#program = program;
    this.#signal = signal;
    this.#words = words;
  }

  /** Rejects with Unavailable when the program fails, takes too long, or prints something else than a token of the user's. */
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
    // A program may ignore being asked to end.
    const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', signal: this.#signal } as const;
    const printed = await run(this.#program, [...this.#words, userId], limits).catch((error: RunFault) => {
      throw new Unavailable(`${this.#program} gave no token for ${userId}: ${faultOf(error)}`);
    });
    const token = printed.stdout.trim();
    if (!TOKEN.test(token)) {
      const instead = token === '' ? '' : ', but other text';
      throw new Unavailable(`${this.#program} printed no token for ${userId}${instead}.`);
    }
    const { sub } = claimsOf(token);
    // Else what all of them said would be imported as said by one.
    if (typeof sub === 'string' && sub !== userId) {
      throw new Unavailable(`${this.#program} printed a token of ${sub}, not of ${userId}.`);
    }
    return token;
  }
}

type RunFault = Error & { stderr?: string; killed?: boolean };

function faultOf({ stderr, message, killed }: RunFault): string {
  const said = (stderr || message).trim().split('\n').at(-1);
  return killed ? `it was ended after ${TIMEOUT_MS / 1_000} s; ${said}` : `${said}`;
}

/** When a token ends; one that does not say is used until it is refused. */
function endOf(token: string): number {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' ? exp * 1_000 : Number.POSITIVE_INFINITY;
}

/** What a JSON Web Token says of itself; only the server knows whether it is a good one. */
function claimsOf(token: string): { sub?: unknown; exp?: unknown } {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) ?? {};
  } catch {
    return {};
  }
}
