/**
 * The two clocks of the gateway, both in milliseconds. A time of one is never compared with a time of the other.
 *
 * The monotonic one is for whatever lasts or comes again: deadlines, heartbeats, rates, leases, when to look again. It
 * never steps: else a clock that is set back would take everybody for a flooder, and one set forward for dead.
 *
 * The wall clock is for moments that others name or are told: when a token or a ban ends, when somebody was last seen,
 * which of two hellos to two gateways came first.
 */
export function monotonicNow(): number {
  return performance.now();
}

/** In whole milliseconds, for what every socket keeps: a number with a fraction is an object of its own. */
export function wholeNow(): number {
  return Math.floor(monotonicNow());
}

export function wallNow(): number {
  return Date.now();
}

/** What the wall clock, as it is set now, would have shown at a moment of the monotonic one. */
export function wallTimeOf(monotonic: number): number {
  return wallNow() - monotonicNow() + monotonic;
}
