/** What a piece of work may do with its slot. */
export interface Turn {
  /**
   * Gives slot and key to others until `done`, and waits for a slot again before those who have not begun. Who has left
   * the line by then goes on without a slot, and has to end. It must hold nothing large meanwhile: many pause at once.
   */
  pause(done: Promise<void>): Promise<void>;
}

/** As many as pause for every slot: what one of them holds, times this, is what slow clients may cost a process. */
const BEGUN_PER_SLOT = 32;

interface Place {
  readonly key: string;
  hasSlot: boolean;
  hasLeft: boolean;
  /** Of who waits: it has a slot, or has left. */
  goOn: () => void;
}

/**
 * Runs so many pieces of work at once, one per key; the rest wait in the order they came. Work that waits for somebody
 * outside pauses meanwhile: nobody who is slow can keep a slot, or hold up others of the same key.
 */
export class WaitingLine {
  readonly #slots: number;
  readonly #busy = new Set<string>();
  #running = 0;
  /** Running or paused. */
  #begun = 0;
  readonly #waiting = new Set<Place>();
  readonly #returning = new Set<Place>();
  readonly #places = new WeakMap<object, Place>();

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** Those who have not begun. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when the work is done, or `owner` has left before it began. Rejects as the work does. */
  async run(key: string, work: (turn: Turn) => Promise<void>, owner: object = {}): Promise<void> {
    const place: Place = { key, hasSlot: false, hasLeft: false, goOn: () => undefined };
    this.#places.set(owner, place);
    if (this.#running < this.#slots && this.#mayBegin(place)) this.#begin(place);
    else await this.#wait(place, this.#waiting);
    if (!place.hasSlot) return;
    try {
      await work({ pause: (done) => this.#pause(place, done) });
    } finally {
      this.#begun--;
      this.#release(place);
    }
  }

  /** The work of this owner need not begin any more, or go on after a pause. Idempotent. */
  leave(owner: object): void {
    const place = this.#places.get(owner);
    if (!place) return;
    place.hasLeft = true;
    if (this.#waiting.delete(place) || this.#returning.delete(place)) place.goOn();
  }

  async #pause(place: Place, done: Promise<void>): Promise<void> {
    this.#release(place);
    await done;
    if (place.hasLeft) return;
    if (this.#running < this.#slots && !this.#busy.has(place.key)) this.#admit(place);
    else await this.#wait(place, this.#returning);
  }

  #wait(place: Place, among: Set<Place>): Promise<void> {
    return new Promise((resolve) => {
      place.goOn = resolve;
      among.add(place);
    });
  }

  #mayBegin({ key }: Place): boolean {
    return this.#begun < this.#slots * BEGUN_PER_SLOT && !this.#busy.has(key);
  }

  #begin(place: Place): void {
    this.#begun++;
    this.#admit(place);
  }

  #admit(place: Place): void {
    this.#running++;
    place.hasSlot = true;
    this.#busy.add(place.key);
  }

  #release(place: Place): void {
    if (place.hasSlot) {
      this.#running--;
      this.#busy.delete(place.key);
    }
    place.hasSlot = false;
    // A slot is taken for the one who waited before anybody else can come between.
    while (this.#running < this.#slots) {
      const next = this.#next();
      if (!next) return;
      if (this.#returning.delete(next)) this.#admit(next);
      else {
        this.#waiting.delete(next);
        this.#begin(next);
      }
      next.goOn();
    }
  }

  /** Who has begun comes first: else each pause would begin one more, and all would end late. */
  #next(): Place | undefined {
    for (const place of this.#returning) if (!this.#busy.has(place.key)) return place;
    for (const place of this.#waiting) if (this.#mayBegin(place)) return place;
    return undefined;
  }
}
