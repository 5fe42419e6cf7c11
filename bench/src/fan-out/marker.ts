/** Stands in front of the time of sending in every message: frames are searched for it, never parsed. */
const MARKER = 'bench@';
const STAMP_DIGITS = 16;

/** A body of `bytes` characters that says when it was made, in microseconds of the monotonic clock. */
export function stampedBody(microseconds: number, bytes: number): string {
  return `${MARKER}${String(microseconds).padStart(STAMP_DIGITS, '0')}`.padEnd(bytes, 'x');
}

const marker = Buffer.from(MARKER);

/** Times of sending of all messages in a frame. */
export function* stampsIn(frame: Buffer): Generator<number> {
  for (
    let at = frame.indexOf(marker);
    at >= 0;
    at = frame.indexOf(marker, at + marker.length + STAMP_DIGITS)
  ) {
    const from = at + marker.length;
    yield Number(frame.toString('latin1', from, from + STAMP_DIGITS));
  }
}
