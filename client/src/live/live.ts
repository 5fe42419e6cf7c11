import type { ConversationAnswer, OwnPresence, UnreadView } from '@parley/contracts';
import { checkFrame } from '../check-frame.ts';
import type { ParleyClient } from '../client.ts';
import type { Freshness } from '../connection-model.ts';
import type { ParleyError } from '../parley-error.ts';
import { type InboxContent, inboxContent, type MessagesContent, MessagesContents } from './contents.ts';
import { OWN } from './live-models.ts';
import { type Presences, sameList, unknownPresence } from './live-presence.ts';
import { LiveSession } from './live-session.ts';
import { LiveView } from './live-view.ts';
import { LOADING, type Shown, shownAs, type View } from './view.ts';

/**
 * Whether everything is up to date. An `error` of status 4xx: the server refuses to say who the user is, and is asked
 * again, with growing pauses. Any other: it has ended, and goes on after `close` and a new start only.
 */
export interface ConnectionStatus {
  readonly state: Freshness;
  readonly error: ParleyError | null;
}

/** How a kind of view is made of a session. */
interface Kind<T> {
  initial: T;
  open?(session: LiveSession, view: LiveView<T>): void;
  close?(session: LiveSession, view: LiveView<T>): void;
  look(session: LiveSession, before: T): T;
}

interface OpenView {
  refresh(): void;
  end(): void;
}

/**
 * What the user may see, kept up to date while somebody listens. The first listener opens a connection; some time after
 * the last one it is closed. Asked for what somebody listens to, it gives the same view; others are not kept.
 */
export class Live {
  readonly #client: ParleyClient;
  readonly #views = new Map<string, unknown>();
  readonly #open = new Set<OpenView>();
  #session: LiveSession | null = null;
  #presence: OwnPresence = 'active';
  #flush: ReturnType<typeof setTimeout> | null = null;
  /** Told when all that has come is shown. */
  #awaiting: (() => void)[] = [];

  constructor(client: ParleyClient) {
    this.#client = client;
  }

  connection(): View<ConnectionStatus> {
    return this.#view<ConnectionStatus>('connection', {
      initial: { state: 'loading', error: null },
      look: ({ feed: { state, error } }, before) =>
        before.state === state && before.error === error ? before : { state, error },
    });
  }

  /** The newest 100 conversations. */
  inbox(): View<Shown<InboxContent>> {
    return this.#view<Shown<InboxContent>>('inbox', {
      initial: LOADING,
      open: ({ models }) => models.inbox.open(OWN),
      close: ({ models }) => models.inbox.close(OWN),
      look: ({ models, feed }, before) =>
        shownAs(before, models.inbox.get(OWN)?.shown(feed.state === 'fresh', inboxContent) ?? LOADING),
    });
  }

  /** The badge. Asked for again when it may have changed, at most once a second. */
  unread(): View<Shown<UnreadView>> {
    return this.#view<Shown<UnreadView>>('unread', {
      initial: LOADING,
      open: ({ models }) => models.unread.open(OWN),
      close: ({ models }) => models.unread.close(OWN),
      look: ({ models, feed }, before) =>
        shownAs(before, models.unread.get(OWN)?.shown(feed.state === 'fresh', (unread) => unread) ?? LOADING),
    });
  }

  /** Also of a channel or broadcast that the user is no member of: it is followed while it is looked at. */
  conversation(id: string): View<Shown<ConversationAnswer>> {
    return this.#view<Shown<ConversationAnswer>>(`conversation/${id}`, {
      initial: LOADING,
      open: ({ models }) => models.conversations.open(id),
      close: ({ models }) => models.conversations.close(id),
      look: (session, before) => {
        const source = session.models.conversations.get(id);
        return shownAs(before, source?.shown(session.isLive(id), ({ answer }) => answer) ?? LOADING);
      },
    });
  }

  /** The newest messages, and what was loaded before them; with those that are on their way. */
  messages(id: string): View<Shown<MessagesContent>> {
    const contents = new MessagesContents();
    return this.#view<Shown<MessagesContent>>(`messages/${id}`, {
      initial: LOADING,
      open: ({ models }) => {
        models.messages.open(id);
        // Who is no member has to follow the conversation, and only it says so.
        models.conversations.open(id);
      },
      close: ({ models }) => {
        models.messages.close(id);
        models.conversations.close(id);
      },
      look: (session, before) => {
        const source = session.models.messages.get(id);
        const content = source?.shown(session.isLive(id), (pages) =>
          contents.of(pages, session.sends.in(id)),
        );
        return shownAs(before, content ?? LOADING);
      },
    });
  }

  /**
   * Loads the page before the first message that is shown, after the newest one is there; resolves when `messages` shows
   * it. Throws ParleyError; does nothing when there is none, and while nobody listens to `messages`.
   */
  async loadBefore(conversationId: string): Promise<void> {
    await this.#session?.models.loadBefore(conversationId);
    if (this.#flush) await new Promise<void>((resolve) => this.#awaiting.push(resolve));
  }

  /** Who types there now, without the user. */
  typing(id: string): View<readonly string[]> {
    return this.#view<readonly string[]>(`typing/${id}`, {
      initial: [],
      look: (session, before) => {
        const typers = session.typersIn(id);
        return sameList(typers, before) ? before : typers;
      },
    });
  }

  /**
   * Of each of the users, `unknown` where nobody can tell. At most 200 users are watched at a time: of the views that are
   * listened to, and then of those opened last. Throws ParleyError when an id is none.
   */
  presence(users: readonly string[]): View<Presences> {
    const wanted = [...new Set(users)].sort();
    for (const user of wanted) checkFrame({ t: 'watch', id: 0, users: [user] });
    const key = `presence/${JSON.stringify(wanted)}`;
    return this.#view<Presences>(key, {
      initial: new Map(wanted.map((user) => [user, unknownPresence(user)])),
      open: ({ watched }, view) => watched.set(view, wanted),
      close: ({ watched }, view) => watched.delete(view),
      look: ({ presence }, before) => presence.of(wanted, before),
    });
  }

  /** That the user types, or has stopped. Call it with every keystroke: it is told as often as needed. A message of the outbox ends it. */
  sayTyping(conversationId: string, on: boolean): void {
    this.#session?.sayTyping(conversationId, on);
  }

  /** How the user appears, on this device. */
  setPresence(presence: OwnPresence): void {
    this.#presence = presence;
    this.#session?.feed.setPresence(presence);
  }

  /**
   * Ends everything at once, without the time that views are kept. Whoever still listens is told that nothing is known.
   * Listening again starts anew.
   */
  close(): void {
    for (const view of [...this.#open]) view.end();
  }

  #view<T>(key: string, kind: Kind<T>): View<T> {
    // A key names one kind: the view under it is of its type.
    const known = this.#views.get(key) as LiveView<T> | undefined;
    if (known) return known;
    const view: LiveView<T> = new LiveView<T>({
      initial: kind.initial,
      look: (before) => (this.#session ? kind.look(this.#session, before) : kind.initial),
      open: () => {
        if (!this.#views.has(key)) this.#views.set(key, view);
        this.#session ??= new LiveSession(this.#client, this.#presence, () => this.#changed());
        this.#open.add(view);
        kind.open?.(this.#session, view);
        this.#changed();
      },
      left: () => {
        this.#forget(key, view);
        this.#changed();
      },
      close: () => {
        this.#open.delete(view);
        this.#forget(key, view);
        this.#closed(kind, view);
      },
    });
    return view;
  }

  /** One that ended while somebody listens is not made anew: whoever draws it would open it with that. */
  #forget<T>(key: string, view: LiveView<T>): void {
    if (view.isOpen || view.isListened) return;
    if (this.#views.get(key) === view) this.#views.delete(key);
  }

  #closed<T>(kind: Kind<T>, view: LiveView<T>): void {
    if (!this.#session) return;
    kind.close?.(this.#session, view);
    if (this.#open.size > 0) {
      this.#changed();
      return;
    }
    this.#session.stop();
    this.#session = null;
    if (this.#flush) clearTimeout(this.#flush);
    this.#flush = null;
    this.#tellAwaiting();
  }

  #tellAwaiting(): void {
    for (const resolve of this.#awaiting.splice(0)) resolve();
  }

  /**
   * A task, not a microtask: the items of one frame are handed out with microtasks in between, and all of them are to be
   * one change.
   */
  #changed(): void {
    if (!this.#session) return;
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      this.#session?.settle();
      for (const view of [...this.#open]) view.refresh();
      this.#tellAwaiting();
    }, 0);
  }
}

/** A second one of the same client has its own connection. */
export function createLive(client: ParleyClient): Live {
  return new Live(client);
}
