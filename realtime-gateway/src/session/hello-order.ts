/** A hello that names a device. */
export interface DeviceHello {
  user: string;
  device: string;
  /** Its place among all hellos: later ones are greater. Milliseconds since 1970, or a little more. */
  at: number;
  /** Of two at the same place the greater id counts as later. */
  connection: string;
}

/** The last moment that a date can name: there are places enough behind it. */
const LATEST = 8.64e15;

/** Whether a hello may have it, so that those that come afterwards can still be later. */
export function isPlace(at: unknown): at is number {
  return Number.isSafeInteger(at) && Number(at) >= 0 && Number(at) <= LATEST;
}

type Place = Pick<DeviceHello, 'at' | 'connection'>;

export function isLater(one: Place, other: Place): boolean {
  return one.at === other.at ? one.connection > other.connection : one.at > other.at;
}

/**
 * The places of one process's hellos. By the wall clock, but after everything that was given out or heard of before:
 * whoever says hello here after another gateway's hello was heard of is later, however far apart the clocks are.
 */
export class HelloOrder {
  #last = 0;

  next(wallNow: number): number {
    this.#last = Math.max(this.#last + 1, wallNow);
    return this.#last;
  }

  heard(at: number): void {
    this.#last = Math.max(this.#last, at);
  }
}
