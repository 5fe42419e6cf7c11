import { textFrame } from './session/bytes.ts';

/** A payload goes to many sockets one after another: its frame is made for the first of them. */
export class LastFrame {
  #payload: Uint8Array | null = null;
  #frame: Buffer = Buffer.alloc(0);

  of(payload: Uint8Array): Buffer {
    if (payload !== this.#payload) {
      // A Buffer, since a stream wraps anything else into one, for every write.
      this.#frame = Buffer.from(textFrame(payload).buffer);
      this.#payload = payload;
    }
    return this.#frame;
  }
}
