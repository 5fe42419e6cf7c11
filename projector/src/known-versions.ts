import type { Pool } from 'pg';
import { type Progress, progressKey, type VersionedAggregate } from './projections/continuity.ts';

/** Must exceed two batches' aggregates: what is being written is looked up here, the tables do not have it yet. */
const MOST_KNOWN = 50_000;

interface Row {
  id: string;
  version: number;
  sequence: string;
}

const LOOK_UPS = {
  conversation: {
    name: 'conversation-versions',
    text: 'SELECT id, version, sequence FROM conversations WHERE id = ANY($1::uuid[])',
  },
  user: {
    name: 'user-versions',
    text: 'SELECT user_id AS id, version, sequence FROM users WHERE user_id = ANY($1::text[])',
  },
};

/** How far each recently seen conversation and user is applied, so that most batches need no read. */
export class KnownVersions {
  readonly #pool: Pool;
  readonly #progress = new Map<string, Progress>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  of(key: string): Progress | undefined {
    return this.#progress.get(key);
  }

  /** Fetches what is not known here, in one query for each kind; an aggregate without a row has not begun. */
  async lookUp(aggregates: Iterable<VersionedAggregate>): Promise<void> {
    const missing = { conversation: new Map<string, string>(), user: new Map<string, string>() };
    for (const aggregate of aggregates) {
      const key = progressKey(aggregate);
      if (!this.#progress.has(key) && isStorable(aggregate))
        missing[aggregate.kind].set(idOf(aggregate), key);
    }
    await this.#fetch('conversation', missing.conversation);
    await this.#fetch('user', missing.user);
  }

  /** Everything, because the tables may say something else by now. */
  forget(): void {
    this.#progress.clear();
  }

  record(progress: ReadonlyMap<string, Progress>): void {
    for (const [key, reached] of progress) this.#remember(key, reached);
  }

  forgetOldest(): void {
    for (const key of this.#progress.keys()) {
      if (this.#progress.size <= MOST_KNOWN) return;
      this.#progress.delete(key);
    }
  }

  async #fetch(kind: VersionedAggregate['kind'], keys: ReadonlyMap<string, string>): Promise<void> {
    if (keys.size === 0) return;
    const { rows } = await this.#pool.query<Row>({ ...LOOK_UPS[kind], values: [[...keys.keys()]] });
    for (const { id, version, sequence } of rows) {
      const key = keys.get(id);
      if (key !== undefined) this.#remember(key, { version, sequence: Number(sequence) });
    }
  }

  #remember(key: string, progress: Progress): void {
    // Back to the end of the map, whose beginning is forgotten first.
    this.#progress.delete(key);
    this.#progress.set(key, progress);
  }
}

function idOf(aggregate: VersionedAggregate): string {
  if (aggregate.kind === 'conversation') return aggregate.id;
  const { token } = aggregate;
  // The reverse of userToken.
  return token.startsWith('~') ? Buffer.from(token.slice(1), 'base64url').toString() : token;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** No row can have another id, and asking for it would fail the whole batch's look-up. */
function isStorable(aggregate: VersionedAggregate): boolean {
  return aggregate.kind === 'conversation' ? UUID.test(aggregate.id) : !idOf(aggregate).includes('\0');
}
