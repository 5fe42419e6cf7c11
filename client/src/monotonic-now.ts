/** Milliseconds that only grow, for waits: the wall clock may be set back by an hour, and they would be that long. */
export function monotonicNow(): number {
  return performance.now();
}
