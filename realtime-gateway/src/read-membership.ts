import type { Pool } from 'pg';
import type { Reflected } from './catch-up.ts';
import { monotonicNow } from './clocks.ts';
import type { Departure, MembershipRow, MembershipSnapshot } from './session/membership.ts';

/** A user's memberships in one snapshot of the read model. */
export interface StoredMembership extends MembershipSnapshot, Reflected {}

interface Row {
  as_of: string | null;
  newest: string | null;
  epoch: string | null;
  memberships: MembershipRow[] | null;
  deleted: string[] | null;
  departed: Departure[] | null;
}

interface Question {
  userId: string;
  since: number;
  resolve: (stored: StoredMembership) => void;
  reject: (error: unknown) => void;
}

/**
 * One statement sees one snapshot: rows and checkpoints agree without a transaction around them. Nothing is appended
 * after a deletion, so the sequence of a deleted conversation is when it was deleted.
 */
const STATEMENT = `
with lanes as (select min(sequence) as as_of, max(sequence) as newest, max(epoch) as epoch from read_model.checkpoints)
select lanes.*, mine.memberships, mine.deleted, gone.departed
from unnest($1::text[], $2::bigint[]) with ordinality as asked (user_id, since, place)
cross join lanes
cross join lateral (
  select
    json_agg(json_build_object(
      'conversationId', m.conversation_id, 'joinedSequence', m.joined_sequence, 'joinedOrdinal', m.joined_ordinal,
      'role', m.role, 'memberCount', c.member_count, 'version', c.version,
      'rules', json_build_object(
        'receipts', (c.settings ->> 'receipts')::boolean, 'history', c.settings ->> 'historyVisibility',
        'type', c.type))) filter (where c.deleted_at is null) as memberships,
    json_agg(m.conversation_id) filter (where c.deleted_at is not null and c.sequence > asked.since) as deleted
  from read_model.members m join read_model.conversations c on c.id = m.conversation_id
  where m.user_id = asked.user_id and m.left_sequence is null) mine
cross join lateral (
  select json_agg(json_build_object('conversationId', m.conversation_id, 'reason', m.left_reason)) as departed
  from read_model.members m
  where m.user_id = asked.user_id and m.left_sequence > asked.since) gone
order by asked.place`;

/** Users of one statement: some milliseconds of work for Postgres. */
const BATCH = 100;
/** Who asks alone is asked for at once; in a storm, many share each statement. */
const INTERVAL_MS = 5;

/**
 * Reads memberships, of all who ask within some milliseconds in one statement: in a storm of resumes, one for each was a
 * fifth of the gateway's CPU, and more in Postgres.
 */
export class MembershipReader {
  readonly #pool: Pool;
  #waiting: Question[] = [];
  #askedAt = 0;
  #scheduled = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** `since`: departures up to this sequence are left out. */
  read(userId: string, since: number): Promise<StoredMembership> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ userId, since, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    const wait = this.#askedAt + INTERVAL_MS - monotonicNow();
    if (wait <= 0) setImmediate(() => this.#next());
    else setTimeout(() => this.#next(), wait);
  }

  #next(): void {
    this.#scheduled = false;
    this.#askedAt = monotonicNow();
    void this.#ask(this.#waiting.splice(0, BATCH));
    this.#schedule();
  }

  async #ask(questions: readonly Question[]): Promise<void> {
    try {
      const answers = await readMemberships(this.#pool, questions);
      for (const [index, { resolve, reject }] of questions.entries()) {
        const answer = answers[index];
        if (answer) resolve(answer);
        else reject(new Error('the membership query left out a row'));
      }
    } catch (error) {
      for (const { reject } of questions) reject(error);
    }
  }
}

async function readMemberships(pool: Pool, asked: readonly Question[]): Promise<StoredMembership[]> {
  const values = [asked.map(({ userId }) => userId), asked.map(({ since }) => since)];
  const { rows } = await pool.query<Row>({ name: 'memberships', text: STATEMENT, values });
  return rows.map(({ as_of, newest, epoch, memberships, deleted, departed }) => ({
    asOf: Number(as_of ?? 0),
    newest: Number(newest ?? 0),
    epoch,
    memberships: memberships ?? [],
    departures: [
      ...(departed ?? []),
      ...(deleted ?? []).map((conversationId) => ({ conversationId, reason: 'deleted' as const })),
    ],
  }));
}
