import type { Logger } from '@parley/runtime';
import type { Pool } from 'pg';
import type { Rules } from './session/conversation-commit.ts';

const RETRY_MS = 500;
/** The read model is rarely a second behind. One that stays away is asked for half a minute. */
const MAX_ATTEMPTS = 60;
const BATCH = 200;

const STATEMENT = `select id, version, type, (settings ->> 'receipts')::boolean as receipts,
    settings ->> 'historyVisibility' as history
  from read_model.conversations where id = any($1::uuid[])`;

interface Row extends Rules {
  id: string;
  version: number;
}

interface Question {
  /** An older row may lack a change that nobody here has seen. */
  version: number;
  attempts: number;
}

/**
 * Asks the read model what decides who sees what in conversations that this process met only through a user being added
 * to them. One statement for all that wait; an answer is late, never wrong.
 */
export class LearnRules {
  readonly #pool: Pool;
  readonly #logger: Logger;
  readonly #learn: (conversationId: string, rules: Rules) => void;
  readonly #open = new Map<string, Question>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(pool: Pool, logger: Logger, learn: (conversationId: string, rules: Rules) => void) {
    this.#pool = pool;
    this.#logger = logger;
    this.#learn = learn;
  }

  /** `version`: of the commit that added the user. */
  ask(conversationId: string, version: number): void {
    this.#open.set(conversationId, { version, attempts: 0 });
    this.#schedule(0);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #schedule(waitMs: number): void {
    if (this.#timer || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#round(), waitMs);
  }

  async #round(): Promise<void> {
    const asked = [...this.#open.keys()].slice(0, BATCH);
    try {
      const query = { name: 'conversation-rules', text: STATEMENT, values: [asked] };
      const { rows } = await this.#pool.query<Row>(query);
      for (const row of rows) this.#take(row);
    } catch (error) {
      this.#logger.warn({ error }, 'the rules of conversations could not be read');
    }
    this.#timer = null;
    this.#giveUp(asked);
    if (this.#open.size > 0) this.#schedule(RETRY_MS);
  }

  #take({ id, version, receipts, history, type }: Row): void {
    const question = this.#open.get(id);
    if (!question || version < question.version) return;
    this.#open.delete(id);
    this.#learn(id, { receipts, history, type });
  }

  /** Those that stay open go to the end of the line, and out of it after their last attempt. */
  #giveUp(asked: readonly string[]): void {
    for (const id of asked) {
      const question = this.#open.get(id);
      if (!question) continue;
      this.#open.delete(id);
      if (++question.attempts < MAX_ATTEMPTS) this.#open.set(id, question);
    }
  }
}
