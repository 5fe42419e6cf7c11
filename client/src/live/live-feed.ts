import {
  type CommitItem,
  formatPosition,
  isKnown,
  type OwnPresence,
  parsePosition,
  type SeenPresence,
} from '@parley/contracts';
import type { ParleyClient } from '../client.ts';
import type { Freshness, SubscriptionItem, TypingSignal } from '../connection-model.ts';
import type { Viewer } from '../model/commit-facts.ts';
import { ParleyError } from '../parley-error.ts';
import { isDefinite } from '../request.ts';
import type { Subscription } from '../subscription.ts';

const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 20_000;
const NOBODY: Viewer = { userId: '', unarchiveOnMessage: true };

export interface LiveFeedOptions {
  client: ParleyClient;
  presence: OwnPresence;
  item(item: SubscriptionItem): void;
  typing(signal: TypingSignal): void;
  seen(presences: readonly SeenPresence[]): void;
  changed(): void;
}

/** Who the user is, then one subscription from that answer on, so that every later load and it overlap. */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #stop = new AbortController();
  /** Resolves when the viewer is known; never when the feed is stopped before. */
  readonly ready: Promise<void>;
  #viewer: Viewer = NOBODY;
  #subscription: Subscription | null = null;
  /** Newest sequence that a follow has brought: it moves no position. */
  #followed = 0;
  #error: ParleyError | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #presence: OwnPresence;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#presence = options.presence;
    this.ready = new Promise((resolve) => {
      void this.#run(resolve);
    });
  }

  /** Of nobody until `ready`. */
  get viewer(): Viewer {
    return this.#viewer;
  }

  get state(): Freshness {
    return this.#subscription?.state ?? 'loading';
  }

  /** Why it has ended for good; or, while `loading`, why the server does not say who the user is. */
  get error(): ParleyError | null {
    return this.#error;
  }

  get subscription(): Subscription | null {
    return this.#subscription;
  }

  /** What an answer has to reflect, so that the commits after it are still to come. */
  get minPosition(): string | null {
    const own = this.#options.client.ownPosition;
    const handed = this.#subscription?.position ?? null;
    const [a, b] = [own, handed].map((text) => (text === null ? null : parsePosition(text)));
    if (!b) return handed ?? own;
    // Of two logs, that of the subscription is the one there is.
    const mine = a?.epoch === b.epoch ? a.sequence : 0;
    return formatPosition(b.epoch, Math.max(mine, b.sequence, this.#followed));
  }

  setPresence(presence: OwnPresence): void {
    this.#presence = presence;
    this.#subscription?.setPresence(presence);
  }

  stop(): void {
    this.#stop.abort();
    if (this.#timer) clearTimeout(this.#timer);
    this.#subscription?.close();
  }

  async #run(ready: () => void): Promise<void> {
    try {
      const me = await this.#me();
      if (!me || this.#stop.signal.aborted) return;
      this.#viewer = { userId: me.user.userId, unarchiveOnMessage: me.preferences.unarchiveOnMessage };
      this.#subscription = this.#subscribe(me.asOf);
      ready();
      for await (const item of this.#subscription) {
        if (item.kind === 'commit') this.#noteOwn(item.commit, this.#viewer);
        if (item.kind === 'followed') this.#followed = Math.max(this.#followed, item.commit.seq);
        // Of another log sequences say nothing.
        if (item.kind === 'reset') this.#followed = 0;
        this.#options.item(item);
      }
    } catch (error) {
      // Nobody awaits this: what is not told here is told to nobody.
      this.#become(error instanceof ParleyError ? error : unforeseen(error));
    }
  }

  #subscribe(since: string): Subscription {
    const { client, typing, seen, changed } = this.#options;
    return client.subscribe({
      since,
      presence: this.#presence,
      onState: changed,
      onTyping: typing,
      onPresence: seen,
    });
  }

  /** Also after a refusal: the application may have another token by then. */
  async #me() {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        const me = await this.#options.client.query('me', {}, { signal: this.#stop.signal });
        this.#become(null);
        return me;
      } catch (error) {
        this.#become(error instanceof ParleyError && isDefinite(error) ? error : null);
        const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** attempt);
        await new Promise((resolve) => {
          this.#timer = setTimeout(resolve, Math.random() * ceiling);
        });
      }
    }
    return null;
  }

  #become(error: ParleyError | null): void {
    if (error === this.#error || this.#stop.signal.aborted) return;
    this.#error = error;
    this.#options.changed();
  }

  #noteOwn({ events }: CommitItem, viewer: Viewer): void {
    for (const event of events) {
      if (!isKnown(event) || event.type !== 'preferences.changed') continue;
      const { unarchiveOnMessage = viewer.unarchiveOnMessage } = event.data;
      this.#viewer = { ...viewer, unarchiveOnMessage };
    }
  }
}

function unforeseen(cause: unknown): ParleyError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ParleyError({ code: 'internal', status: 0, detail, cause });
}
