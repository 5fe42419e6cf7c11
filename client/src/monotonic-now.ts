/** Milliseconds that only grow, for waits: the wall clock may be set back by an hour, and they would be that long. */
export function monotonicNow(): number {
  return performance.now();
}

/** Longer than 2³¹ ms a platform's timer ends at once; every timer that uses this looks again when it is early. */
const LONGEST_TIMER_MS = 3_600_000;

/** How long a timer runs that is to look at this time of `monotonicNow`; an hour at most. */
export function timerUntil(at: number): number {
  return Math.max(0, Math.min(at - monotonicNow(), LONGEST_TIMER_MS));
}
