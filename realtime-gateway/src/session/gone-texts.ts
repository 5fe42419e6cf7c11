import type { RemovedTexts } from './conversation-commit.ts';

interface Conversation {
  deleted: Set<number>;
  expiredThrough: number;
}

/** Messages whose texts must not be shown any more, as far as one source knows of them. */
export class GoneTexts {
  readonly #conversations = new Map<string, Conversation>();

  add(conversationId: string, { deleted, expiredThrough }: RemovedTexts): void {
    const known = this.#conversations.get(conversationId);
    const conversation = known ?? { deleted: new Set(), expiredThrough: 0 };
    if (!known) this.#conversations.set(conversationId, conversation);
    for (const ordinal of deleted) conversation.deleted.add(ordinal);
    conversation.expiredThrough = Math.max(conversation.expiredThrough, expiredThrough);
  }

  /** Forgets what one commit added: the texts that it took away must be out of reach too. */
  forget(conversationId: string, { deleted, expiredThrough }: RemovedTexts): void {
    const conversation = this.#conversations.get(conversationId);
    if (!conversation) return;
    for (const ordinal of deleted) conversation.deleted.delete(ordinal);
    // Retention only goes on: a later one than this is still known.
    if (conversation.expiredThrough <= expiredThrough) conversation.expiredThrough = 0;
    if (conversation.deleted.size === 0 && conversation.expiredThrough === 0) {
      this.#conversations.delete(conversationId);
    }
  }

  get size(): number {
    return this.#conversations.size;
  }

  isDeleted(conversationId: string, ordinal: number): boolean {
    return this.#conversations.get(conversationId)?.deleted.has(ordinal) ?? false;
  }

  /** Messages up to this ordinal have expired. */
  expiredThrough(conversationId: string): number {
    return this.#conversations.get(conversationId)?.expiredThrough ?? 0;
  }
}
