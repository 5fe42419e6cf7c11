import type { Logger } from '@parley/runtime';
import type { Privacy } from '../session/presence-view.ts';

/** Looks wait for it, and what others do must show even while Postgres is slow. */
const PATIENCE_MS = 1_000;

type Read = (users: readonly string[]) => Promise<Map<string, Privacy>>;

/** What users let others see, as long as it can be read soon. One question at a time, so that a slow database gets no more of them. */
export class PatientPrivacy {
  readonly #read: Read;
  readonly #logger: Logger;
  #asking = false;
  #away = false;

  constructor(read: Read, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  /** Null when it cannot be read within a second: what was known of it holds. Never rejects. */
  async read(users: readonly string[]): Promise<Map<string, Privacy> | null> {
    if (this.#asking) return null;
    this.#asking = true;
    const answer = this.#read(users).finally(() => {
      this.#asking = false;
    });
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS);
    });
    try {
      const privacy = await Promise.race([answer, tooLate]);
      this.#away = false;
      return privacy;
    } catch (error) {
      if (!this.#away) this.#logger.warn({ error }, 'what users let others see cannot be read');
      this.#away = true;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}
