/** Shares one search per name among callers in this process; a failed one may be tried again. */
export function onceEach<T>(): (name: string, search: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<T>>();
  return (name, search) => {
    const known = running.get(name);
    if (known) return known;
    const started = search();
    running.set(name, started);
    started.catch(() => running.delete(name));
    return started;
  };
}
