/**
 * What the work gives, unless time or the signal end it first: then what `late` makes, and the work, told by its own
 * signal, is not waited for. A race of our own: AbortSignal's `timeout` and `any` are newer than P7's browsers.
 */
export function withinTime<T>(
  work: (signal: AbortSignal) => Promise<T> | T,
  { ms, signal, late }: { ms: number; signal: AbortSignal | undefined; late: () => Error },
): Promise<T> {
  const own = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const end = (): void => {
      done();
      own.abort();
      reject(late());
    };
    const timer = setTimeout(end, ms);
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    };
    if (signal?.aborted) return end();
    signal?.addEventListener('abort', end);
    (async () => work(own.signal))().finally(done).then(resolve, reject);
  });
}
