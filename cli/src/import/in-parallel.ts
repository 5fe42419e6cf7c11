/**
 * Does the work for each, at most `most` at once, in the order given. The first fault ends it: what runs is asked to stop
 * by the signal, and its own faults are not told.
 */
export async function inParallel<T>(
  all: Iterable<T>,
  most: number,
  work: (one: T, signal: AbortSignal) => Promise<void>,
  outer: AbortSignal,
): Promise<void> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([outer, stopping.signal]);
  const left = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    try {
      for (let next = left.next(); !next.done && !signal.aborted; next = left.next()) {
        await work(next.value, signal);
      }
    } catch (error) {
      // Only the first counts.
      stopping.abort(error);
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  signal.throwIfAborted();
}
