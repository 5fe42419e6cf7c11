interface Group {
  kind: 'move' | 'lower';
  /** When the group may begin; null = it began at once. */
  start: Promise<unknown> | null;
  /** Resolves when all of the group are done, well or not. */
  done: Promise<unknown>;
}

/**
 * Keeps the order of one user's cursor commands in a conversation: moving is stored beside the conversation and putting
 * back inside it, and only the order of their commits says which of the two holds. Moves go together, as they merge by
 * maximum; what puts back waits for the moves before it, and they for it. Only within this process: what two of them do
 * at the same moment has no order.
 */
export class CursorOrder {
  readonly #groups = new Map<string, Group>();

  /** Begins at once when nothing of another kind is under way under this key. */
  run<T>(key: string, kind: Group['kind'], work: () => Promise<T>): Promise<T> {
    const before = this.#groups.get(key);
    const joined = before?.kind === 'move' && kind === 'move' ? before : null;
    const start = joined ? joined.start : (before?.done ?? null);
    const result = start ? start.then(work) : work();
    const settled = result.then(ignore, ignore);
    const done = joined ? Promise.all([joined.done, settled]) : settled;
    const group = { kind, start, done };
    this.#groups.set(key, group);
    void done.then(() => {
      if (this.#groups.get(key) === group) this.#groups.delete(key);
    });
    return result;
  }
}

const ignore = (): void => undefined;
