/** Messages to whoever listens now: at most once, in no promised order with anything else, never stored. */
export interface Signals {
  /** Never throws, never waits. Lost while the connection is away. */
  send(subject: string, payload: Uint8Array): void;
  /** Also takes what this process sends. Gives a function that ends it. */
  listen(subject: string, take: (payload: Uint8Array) => void): () => void;
  /** Calls when the connection is back: what was sent meanwhile is lost. Gives a function that ends it. */
  onReturn(listener: () => void): () => void;
}
