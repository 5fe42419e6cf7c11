import { Listener, type ListenerOptions } from './listener.ts';
import { KEEPER } from './script.ts';

const PER_ROOM = 2;
const MOST = 320;
/** The gateway replays 5,000 commits to whom was away; a play that runs further ahead would only show that. */
const FURTHEST_BEHIND = 4_000;

/** The people who listen: the keeper of all rooms, and the first of each room. */
export class Listeners {
  readonly #options: Omit<ListenerOptions, 'userId'>;
  readonly #started = new Map<string, Promise<Listener>>();
  readonly #inRoom = new Map<string, number>();
  readonly #all: Listener[] = [];
  #keeper: Listener | null = null;

  constructor(options: Omit<ListenerOptions, 'userId'>) {
    this.#options = options;
  }

  get all(): readonly Listener[] {
    return this.#all;
  }

  async start(): Promise<void> {
    this.#keeper = await this.#listen(KEEPER);
  }

  /** Somebody is about to join a room; the first who do are listening from then on. */
  async enters(conversationId: string, userId: string): Promise<void> {
    const here = this.#inRoom.get(conversationId) ?? 0;
    if (here >= PER_ROOM || this.#all.length >= MOST) return;
    this.#inRoom.set(conversationId, here + 1);
    await this.#listen(userId);
  }

  /** Waits while the keeper's socket is too far behind a sequence. */
  async pace(sequence: number): Promise<void> {
    const keeper = this.#keeper;
    if (!keeper || sequence - keeper.sequence <= FURTHEST_BEHIND) return;
    await keeper.reach(sequence - FURTHEST_BEHIND / 2);
  }

  /** Every socket is cut once more and resumed; resolves when all have been sent everything up to a sequence. */
  async finish(sequence: number): Promise<void> {
    await Promise.all(this.#all.map((listener) => listener.resumeTo(sequence)));
  }

  close(): void {
    for (const listener of this.#all) listener.close();
  }

  #listen(userId: string): Promise<Listener> {
    const known = this.#started.get(userId);
    if (known) return known;
    const listener = new Listener({ ...this.#options, userId });
    this.#all.push(listener);
    const started = listener.start().then(() => listener);
    this.#started.set(userId, started);
    return started;
  }
}
