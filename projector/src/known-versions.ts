import type { Pool } from 'pg';
import type { Progress } from './projections/continuity.ts';

/** Must exceed two batches' conversations: what is being written is looked up here, the table does not have it yet. */
const MOST_KNOWN = 50_000;

/** How far each recently seen conversation is applied, so that most batches need no read. */
export class KnownVersions {
  readonly #pool: Pool;
  readonly #progress = new Map<string, Progress>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  of(conversationId: string): Progress | undefined {
    return this.#progress.get(conversationId);
  }

  /** Fetches those of the conversations that are not known here, in one query; one without a row has not begun. */
  async lookUp(conversationIds: ReadonlySet<string>): Promise<void> {
    const missing = [...conversationIds].filter((id) => !this.#progress.has(id));
    if (missing.length === 0) return;
    const { rows } = await this.#pool.query<{ id: string; version: number; sequence: string }>({
      name: 'conversation-versions',
      text: 'SELECT id, version, sequence FROM read_model.conversations WHERE id = ANY($1::uuid[])',
      values: [missing],
    });
    for (const { id, version, sequence } of rows) this.#remember(id, { version, sequence: Number(sequence) });
  }

  record(progress: ReadonlyMap<string, Progress>): void {
    for (const [id, reached] of progress) this.#remember(id, reached);
  }

  forgetOldest(): void {
    for (const id of this.#progress.keys()) {
      if (this.#progress.size <= MOST_KNOWN) return;
      this.#progress.delete(id);
    }
  }

  #remember(id: string, progress: Progress): void {
    // Back to the end of the map, whose beginning is forgotten first.
    this.#progress.delete(id);
    this.#progress.set(id, progress);
  }
}
