import type { Item } from './session/item.ts';
import { Run } from './session/outbox.ts';

/**
 * Frames of what is replayed. Those who missed the same and come back in one turn of the event loop share a frame, which
 * is made for the first of them. No frame is kept for longer than that.
 */
export class PageFrames {
  #start: Run | null = null;

  of(items: readonly Item[]): Uint8Array {
    const start = this.#start ?? this.#begin();
    return items.reduce((run, item) => run.append(item), start).frame();
  }

  #begin(): Run {
    const start = Run.start();
    this.#start = start;
    setImmediate(() => {
      this.#start = null;
    });
    return start;
  }
}
