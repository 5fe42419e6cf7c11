import type { Logger } from '@parley/runtime';
import { monotonicNow } from '../clocks.ts';
import type { Privacy } from '../session/presence-view.ts';

/** Looks wait for it, and what others do must show even while Postgres is slow. */
const PATIENCE_MS = 1_000;
/** Longer than it takes until one whose answer came too late is looked at again. */
const LATE_MS = 10_000;

type Read = (users: readonly string[]) => Promise<Map<string, Privacy>>;

interface Known {
  readonly privacy: ReadonlyMap<string, Privacy>;
  /** Asked at an earlier look, and perhaps not known of all: what was known of the others holds. */
  readonly isLate: boolean;
}

interface Question {
  readonly users: readonly string[];
  /** A look waits for the answer. */
  isAwaited: boolean;
}

/**
 * What users let others see. One question at a time, so that a slow database gets no more of them. A look waits a second
 * for it; what comes later is for the next look, and while answers come late no look waits at all.
 */
export class PatientPrivacy {
  readonly #read: Read;
  readonly #logger: Logger;
  /** In the order in which they end. */
  readonly #late = new Map<string, { privacy: Privacy; until: number }>();
  #asking = false;
  #slow = false;
  #away = false;

  constructor(read: Read, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  /** Resolves within a second; never rejects. */
  async read(users: readonly string[]): Promise<Known> {
    const inTime = this.#asking ? null : await this.#ask({ users, isAwaited: !this.#slow });
    return inTime ? { privacy: inTime, isLate: false } : { privacy: this.#lateOf(users), isLate: true };
  }

  async #ask(question: Question): Promise<Map<string, Privacy> | null> {
    const answer = this.#answer(question);
    if (!question.isAwaited) return null;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        question.isAwaited = false;
        this.#slow = true;
        this.#tell(new Error('no answer in time'));
        resolve(null);
      }, PATIENCE_MS);
    });
    const inTime = await Promise.race([answer, tooLate]);
    clearTimeout(timer);
    return inTime;
  }

  async #answer(question: Question): Promise<Map<string, Privacy> | null> {
    this.#asking = true;
    const askedAt = monotonicNow();
    try {
      const privacy = await this.#read(question.users);
      for (const user of question.users) this.#late.delete(user);
      if (question.isAwaited) this.#away = false;
      else this.#keep(privacy);
      return privacy;
    } catch (error) {
      this.#tell(error);
      return null;
    } finally {
      this.#slow = monotonicNow() - askedAt >= PATIENCE_MS;
      this.#asking = false;
    }
  }

  #keep(privacy: ReadonlyMap<string, Privacy>): void {
    const now = monotonicNow();
    for (const [user, { until }] of this.#late) {
      if (until > now) break;
      this.#late.delete(user);
    }
    for (const [user, one] of privacy) this.#late.set(user, { privacy: one, until: now + LATE_MS });
  }

  #lateOf(users: readonly string[]): Map<string, Privacy> {
    const now = monotonicNow();
    const found = new Map<string, Privacy>();
    for (const user of users) {
      const late = this.#late.get(user);
      if (late && late.until > now) found.set(user, late.privacy);
    }
    return found;
  }

  #tell(error: unknown): void {
    if (!this.#away) this.#logger.warn({ error }, 'what users let others see cannot be read in time');
    this.#away = true;
  }
}
