import type { Place } from './view.ts';

/** What knows who is here. */
interface Releasing<S> {
  release(userId: string, session: S): void;
}

/** A connected user, with the sessions that are open on this process: replaced, never changed, since loops go over them. */
export class User<S> {
  readonly id: string;
  sessions: readonly S[];
  /** By conversation. */
  readonly memberships = new Map<string, Place>();
  readonly #audience: Releasing<S>;

  constructor(id: string, session: S, audience: Releasing<S>) {
    this.id = id;
    this.sessions = [session];
    this.#audience = audience;
  }

  /** The session is over. */
  leave(session: S): void {
    this.#audience.release(this.id, session);
  }
}
