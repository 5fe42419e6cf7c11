import type { JsMsg } from '@nats-io/jetstream';
import type { CommitRecord } from '../event-log.ts';

/** Its id is read from the headers only when asked: parsing them costs a fast reader as much as the commit itself. */
export class DeliveredCommit implements CommitRecord {
  readonly sequence: number;
  readonly storedAt: number;
  readonly #message: JsMsg;

  constructor(message: JsMsg, sequence: number, storedAt: number) {
    this.#message = message;
    this.sequence = sequence;
    this.storedAt = storedAt;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get payload(): Uint8Array {
    return this.#message.data;
  }

  get commitId(): string {
    return this.#message.headers?.get('Nats-Msg-Id') ?? '';
  }
}
