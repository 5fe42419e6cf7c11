import { LRUCache } from 'lru-cache';
import type { Answer } from './answer.ts';
import { ConversationWriter, type WriterContext } from './conversation-writer.ts';
import type { Candidate } from './domain/plan-commit.ts';

/** Members and remembered commands over all idle conversations: about 300 MB when full. */
const IDLE_WEIGHT = 1_000_000;

/**
 * One writer for each conversation in use. A busy one is never dropped, so that one process never contends with itself;
 * an idle one is weighed when it becomes idle, because it grows while it works.
 */
export class ConversationWriters {
  readonly #context: WriterContext;
  readonly #busy = new Map<string, { writer: ConversationWriter; commands: number }>();
  readonly #idle: LRUCache<string, ConversationWriter>;

  constructor(context: WriterContext, idleWeight = IDLE_WEIGHT) {
    this.#context = context;
    this.#idle = new LRUCache({ maxSize: idleWeight, sizeCalculation: (writer) => writer.weight() });
  }

  /** What all idle writers weigh; never above the limit. */
  get idleWeight(): number {
    return this.#idle.calculatedSize;
  }

  async submit(conversationId: string, candidate: Candidate): Promise<Answer> {
    const entry = this.#take(conversationId);
    entry.commands++;
    try {
      return await entry.writer.submit(candidate);
    } finally {
      entry.commands--;
      if (entry.commands === 0) {
        this.#busy.delete(conversationId);
        this.#idle.set(conversationId, entry.writer);
      }
    }
  }

  #take(conversationId: string): { writer: ConversationWriter; commands: number } {
    const busy = this.#busy.get(conversationId);
    if (busy) return busy;
    const idle = this.#idle.get(conversationId);
    // A cache does not weigh a value again that it already holds.
    if (idle) this.#idle.delete(conversationId);
    const entry = { writer: idle ?? new ConversationWriter(conversationId, this.#context), commands: 0 };
    this.#busy.set(conversationId, entry);
    return entry;
  }
}
