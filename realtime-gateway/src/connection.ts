import { randomUUID } from 'node:crypto';
import type { CloseCode } from '@parley/contracts';
import { type Door, type Logger, ProblemError } from '@parley/runtime';
import { wholeNow } from './clocks.ts';
import { Feed, type FeedObserver, type Wire } from './feed.ts';
import type { FlushRound } from './flush-round.ts';
import type { ConversationFollower } from './follow-conversation.ts';
import type { Hub } from './hub.ts';
import { parseFrame } from './parse-frame.ts';
import type { Presence, PresentSocket } from './presence/presence.ts';
import type { Resumer } from './resume-feed.ts';
import type { Roster } from './roster.ts';
import {
  type AuthFault,
  advance,
  type Claims,
  type Effect,
  type Hello,
  type Input,
  openSession,
  type State,
} from './session/session.ts';
import type { Typing } from './typing.ts';
import type { SocketEvents } from './websocket.ts';

const RETRY_MS = 2_000;

/** What a connection asks of the transport. */
export interface Socket extends Wire {
  close(code: CloseCode, reason: string): void;
}

export interface ConnectionOptions {
  hub: Hub;
  round: FlushRound;
  epoch: string;
  resumer: Resumer;
  follower: ConversationFollower;
  presence: Presence;
  typing: Typing;
  door: Pick<Door, 'authenticator' | 'revocations'>;
  roster: Roster;
  /** The socket is gone. */
  left(connection: Connection): void;
  logger: Logger;
  observer: {
    closed(code: CloseCode | 'by-client'): void;
  };
}

/**
 * One socket: runs its session, does what the session says, and carries its feed. It is itself what the transport and
 * the feed report to, and shares its options with all others: a process has ten thousand of them, most idle.
 */
export class Connection implements SocketEvents, FeedObserver, PresentSocket {
  readonly #id = randomUUID();
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly feed: Feed;
  #state: State;
  /** The place of a hello that names a device. */
  #helloAt = 0;
  /** Set while the user counts as present by this socket. */
  #presentUser: string | null = null;

  constructor(socket: Socket, options: ConnectionOptions, now: number) {
    this.#socket = socket;
    this.#options = options;
    this.#state = openSession(now);
    this.feed = new Feed(socket, { epoch: options.epoch, round: options.round, observer: this });
  }

  get connection(): string {
    return this.#id;
  }

  get userId(): string {
    return this.#presentUser ?? '';
  }

  get closed(): boolean {
    return this.#state.phase === 'closed';
  }

  get queuedBytes(): number {
    return this.feed.queuedBytes;
  }

  tick(now: number, wallNow: number): void {
    this.take({ kind: 'tick', now, wallNow, ...this.feed.transport });
  }

  text(text: string): void {
    // What was on its way when the socket was closed is not worth parsing.
    if (this.closed) return;
    const frame = parseFrame(text);
    if (typeof frame === 'string') {
      this.garbage(frame);
      return;
    }
    // Before the token is verified, which takes longer for one than for another.
    if (frame.t === 'hello' && frame.device !== undefined) this.#helloAt = this.#options.roster.arrive();
    this.take({ kind: 'frame', frame, now: wholeNow() });
  }

  control(): void {
    this.take({ kind: 'control', now: wholeNow() });
  }

  garbage(detail: string): void {
    this.take({ kind: 'garbage', detail, now: wholeNow() });
  }

  gone(): void {
    this.take({ kind: 'gone' });
    this.#options.left(this);
  }

  overflowed(): void {
    this.take({ kind: 'overflowed' });
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
        this.#enter(effect);
        break;
      case 'renew':
        this.#renew(effect.claims);
        break;
      case 'send':
        this.feed.say(effect.frame);
        break;
      case 'subscribe':
        void this.#subscribe(effect);
        break;
      case 'unsubscribe':
        this.#options.follower.close(this.feed, effect.conversation);
        break;
      case 'typing':
        this.#options.typing.say(effect.claims.userId, effect.conversation, effect.on);
        break;
      case 'presence':
        if (this.#presentUser !== null) this.#options.presence.change(this, effect.state);
        break;
      case 'watch':
        if (this.#presentUser !== null) this.#options.presence.watch(this, effect.users);
        break;
      case 'heartbeat':
        this.feed.heartbeat(this.#options.hub.tail);
        break;
      case 'release':
        this.#release();
        break;
      case 'close':
        this.#options.observer.closed(effect.code);
        this.#socket.close(effect.code, effect.reason);
        break;
    }
  }

  async #verify(token: string): Promise<void> {
    try {
      const claims = await this.#options.door.authenticator.verify(token);
      this.take({ kind: 'verified', claims });
    } catch (error) {
      this.take({ kind: 'refused', fault: authFault(error) });
    }
  }

  #enter({ claims, hello }: Extract<Effect, { do: 'resume' }>): void {
    const { roster, door } = this.#options;
    // A revocation may have come by while the token was being verified.
    if (door.revocations.hasSeen(claims.sessionId)) {
      this.take({ kind: 'revoked' });
      return;
    }
    const entrance = roster.enter(this, claims, { device: hello.device, at: this.#helloAt });
    if (entrance !== 'entered') {
      this.take({ kind: entrance === 'crowded' ? 'crowded' : 'replaced' });
      return;
    }
    this.#presentUser = claims.userId;
    this.#options.presence.enter(this, hello.presence);
    void this.#resume(claims, hello);
  }

  #release(): void {
    const { roster, presence, typing } = this.#options;
    roster.leave(this);
    this.feed.close();
    if (this.#presentUser === null) return;
    presence.leave(this);
    typing.leave(this.#presentUser);
    this.#presentUser = null;
  }

  #renew(claims: Claims): void {
    const { roster, door, follower } = this.#options;
    roster.renew(this, claims);
    if (door.revocations.hasSeen(claims.sessionId)) this.take({ kind: 'revoked' });
    else follower.segmentsChanged(this.feed, claims.segments);
  }

  async #subscribe({ claims, feed, request }: Extract<Effect, { do: 'subscribe' }>): Promise<void> {
    const { userId, segments } = claims;
    const { id, conversation, from } = request;
    const { follower, logger } = this.#options;
    try {
      await follower.open(this.feed, { userId, segments, feed, id, conversation, from });
    } catch (error) {
      logger.warn({ error, connection: this.#id, conversation }, 'a conversation cannot be followed');
      const detail = 'the conversation cannot be followed now';
      this.feed.say({ t: 'error', id, code: 'unavailable', detail, retryAfterMs: RETRY_MS });
    }
  }

  async #resume({ userId, expiresAt }: Claims, { since, feed }: Hello): Promise<void> {
    const { resumer, logger } = this.#options;
    const connection = this.#id;
    try {
      await resumer.resume(this.feed, { connection, userId, expiresAt, since, feed });
      this.take({ kind: 'caught-up' });
    } catch (error) {
      logger.warn({ error, connection }, 'a resume failed');
      this.take({ kind: 'failed' });
    }
  }
}

function authFault(error: unknown): AuthFault {
  if (!(error instanceof ProblemError)) return 'unavailable';
  if (error.code === 'token-expired') return 'token-expired';
  if (error.code === 'token-revoked') return 'session-revoked';
  return error.code === 'unavailable' ? 'unavailable' : 'token-refused';
}
