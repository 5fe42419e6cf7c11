import { bytesOf, listFrame } from './bytes.ts';
import type { Item } from './item.ts';

/** A frame is sent at this size even when the flush is not due. */
export const FLUSH_BYTES = 32 * 1024;

const OPEN = bytesOf('{"t":"commits","items":[');
const EMPTY_BYTES = listFrame(OPEN, []).length;

/**
 * A sequence of items as a node in a tree of shared prefixes. Sockets that got the same items since the last flush
 * point at the same node, so their frame is encoded once however many they are, and an item costs a socket one
 * pointer.
 */
export class Run {
  readonly bytes: number;
  readonly length: number;
  readonly #previous: Run | null;
  readonly #item: Item | null;
  #onlyNext: Run | null = null;
  #next: Map<Item, Run> | null = null;
  #frame: Uint8Array | null = null;

  private constructor(previous: Run | null, item: Item | null) {
    this.#previous = previous;
    this.#item = item;
    this.length = previous ? previous.length + 1 : 0;
    this.bytes = previous && item ? previous.bytes + item.bytes.length + 1 : EMPTY_BYTES;
  }

  static start(): Run {
    return new Run(null, null);
  }

  append(item: Item): Run {
    if (this.#onlyNext !== null && this.#onlyNext.#item === item) return this.#onlyNext;
    const known = this.#next?.get(item);
    if (known) return known;
    const run = new Run(this, item);
    if (this.#onlyNext === null) this.#onlyNext = run;
    else {
      this.#next ??= new Map();
      this.#next.set(item, run);
    }
    return run;
  }

  /** The run as one `commits` frame. */
  frame(): Uint8Array {
    this.#frame ??= encodeFrame(this.#items());
    return this.#frame;
  }

  #items(): Item[] {
    const items: Item[] = [];
    let run: Run = this;
    while (run.#item !== null && run.#previous !== null) {
      items.push(run.#item);
      run = run.#previous;
    }
    return items.reverse();
  }
}

function encodeFrame(items: readonly Item[]): Uint8Array {
  return listFrame(
    OPEN,
    items.map(({ bytes }) => bytes),
  );
}

/** What waits for one socket's next frame. Bounded: its owner sends or closes when told that it is full. */
export class Outbox {
  #run: Run | null = null;

  get empty(): boolean {
    return this.#run === null;
  }

  get bytes(): number {
    return this.#run?.bytes ?? 0;
  }

  /** True when the frame is large enough to go out now. `start` is the run all outboxes begin from at present. */
  add(item: Item, start: Run): boolean {
    this.#run = (this.#run ?? start).append(item);
    return this.#run.bytes >= FLUSH_BYTES;
  }

  take(): Run | null {
    const run = this.#run;
    this.#run = null;
    return run;
  }
}

/** Whether one more frame would take a socket's queue, the transport's buffer included, over its limit. */
export function overflows(bufferedBytes: number, frameBytes: number, limitBytes: number): boolean {
  return bufferedBytes + frameBytes > limitBytes;
}
