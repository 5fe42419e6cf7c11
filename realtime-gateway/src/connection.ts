import { type ClientFrame, type CloseCode, clientFrameSchema } from '@parley/contracts';
import { type Authenticator, type Logger, ProblemError } from '@parley/runtime';
import { Feed, type FlushRound, type Wire } from './feed.ts';
import type { Hub } from './hub.ts';
import type { Resumer } from './resume-feed.ts';
import {
  type AuthFault,
  advance,
  type Effect,
  type Input,
  openSession,
  type State,
} from './session/session.ts';

/** What a connection asks of the transport. */
export interface Socket extends Wire {
  close(code: CloseCode, reason: string): void;
}

export interface ConnectionOptions {
  id: string;
  hub: Hub;
  round: FlushRound;
  epoch: string;
  resumer: Resumer;
  authenticator: Authenticator;
  logger: Logger;
  observer: {
    delivered(commits: number): void;
    closed(code: CloseCode | 'by-client'): void;
  };
}

/** One socket: runs its session, does what the session says, and carries its feed. */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #feed: Feed;
  #state: State;

  constructor(socket: Socket, options: ConnectionOptions, now: number) {
    this.#socket = socket;
    this.#options = options;
    this.#state = openSession(now);
    this.#feed = new Feed(socket, {
      epoch: options.epoch,
      round: options.round,
      observer: {
        delivered: (commits) => options.observer.delivered(commits),
        overflowed: () => this.take({ kind: 'overflowed' }),
      },
    });
  }

  get closed(): boolean {
    return this.#state.phase === 'closed';
  }

  get queuedBytes(): number {
    return this.#feed.queuedBytes;
  }

  /** A text frame from the client. */
  receive(text: string, now: number): void {
    const frame = parseFrame(text);
    this.take(
      typeof frame === 'string' ? { kind: 'garbage', detail: frame, now } : { kind: 'frame', frame, now },
    );
  }

  take(input: Input): void {
    const wasOpen = !this.closed;
    const { state, effects } = advance(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (wasOpen && input.kind === 'gone') this.#options.observer.closed('by-client');
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'verify':
        void this.#verify(effect.token);
        break;
      case 'resume':
        void this.#resume(effect);
        break;
      case 'send':
        this.#feed.say(effect.frame);
        break;
      case 'subscribe':
      case 'unsubscribe':
      case 'typing':
      case 'presence':
      case 'watch':
        break;
      case 'heartbeat':
        this.#feed.heartbeat(this.#options.hub.tail);
        break;
      case 'release':
        this.#feed.close();
        break;
      case 'close':
        this.#options.observer.closed(effect.code);
        this.#socket.close(effect.code, effect.reason);
        break;
    }
  }

  async #verify(token: string): Promise<void> {
    try {
      const { userId, expiresAt } = await this.#options.authenticator.verify(token);
      this.take({ kind: 'verified', userId, expiresAt });
    } catch (error) {
      this.take({ kind: 'refused', fault: authFault(error) });
    }
  }

  async #resume({ userId, expiresAt, since, feed }: Extract<Effect, { do: 'resume' }>): Promise<void> {
    const { id, resumer, logger } = this.#options;
    try {
      await resumer.resume(this.#feed, { connection: id, userId, expiresAt, since, feed });
      this.take({ kind: 'caught-up' });
    } catch (error) {
      logger.warn({ error, connection: id }, 'a resume failed');
      this.take({ kind: 'failed' });
    }
  }
}

/** The frame, or what is wrong with it. */
function parseFrame(text: string): ClientFrame | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  const parsed = clientFrameSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') || 'frame'}: ${issue?.message ?? 'not of this protocol'}`.slice(0, 100);
}

function authFault(error: unknown): AuthFault {
  if (!(error instanceof ProblemError)) return 'unavailable';
  if (error.code === 'token-expired') return 'token-expired';
  return error.code === 'unavailable' ? 'unavailable' : 'token-refused';
}
