import type { View } from './view.ts';

/** A view stays for this long after the last listener: whoever comes back finds it as it would be. */
const GRACE_MS = 30_000;

export interface LiveViewOptions<T> {
  initial: T;
  /** What is to be seen now: the same object when nothing changed. Asked for while the view is open only. */
  look(before: T): T;
  open(view: LiveView<T>): void;
  /** After the last listener went. */
  left(view: LiveView<T>): void;
  close(view: LiveView<T>): void;
}

export class LiveView<T> implements View<T> {
  readonly #options: LiveViewOptions<T>;
  readonly #listeners = new Set<() => void>();
  #current: T;
  #isOpen = false;
  #grace: ReturnType<typeof setTimeout> | null = null;

  constructor(options: LiveViewOptions<T>) {
    this.#options = options;
    this.#current = options.initial;
  }

  get current(): T {
    return this.#current;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isListened(): boolean {
    return this.#listeners.size > 0;
  }

  listen(listener: () => void): () => void {
    // One function given twice is two listeners.
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#grace) clearTimeout(this.#grace);
    this.#grace = null;
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#options.open(this);
    }
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      if (this.#isOpen) this.#grace = setTimeout(() => this.end(), GRACE_MS);
      this.#options.left(this);
    };
  }

  /** Tells the listeners if there is something new. */
  refresh(): void {
    this.#show(this.#options.look(this.#current));
  }

  /** Nothing is known any more, and whoever still listens is told; a later listener opens it again. */
  end(): void {
    if (this.#grace) clearTimeout(this.#grace);
    this.#grace = null;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.close(this);
    this.#show(this.#options.initial);
  }

  #show(next: T): void {
    if (next === this.#current) return;
    this.#current = next;
    for (const listener of [...this.#listeners]) tell(listener);
  }
}

/** What a listener throws is the application's to see, and must not cost the others what they wait for. */
function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
