import type { Pool } from 'pg';
import type { MessageFact } from './domain/decider.ts';

/** Which of some command ids the read model has seen on an aggregate, and how far it has read. */
export interface SeenCommands {
  sequences: Map<string, number>;
  /** Every commit up to here is in the read model; 0 when it follows another log. */
  through: number;
}

/** Rows and checkpoints are written in one transaction and here read in one statement, so the two always agree. */
const THROUGH =
  'select case when bool_and(epoch = $1) then min(sequence) end as through from read_model.checkpoints';

/** The write side's questions to the read model. All may throw when Postgres is away. */
export class ReadModelLookup {
  readonly #pool: Pool;
  readonly #epoch: string;

  constructor(pool: Pool, epoch: string) {
    this.#pool = pool;
    this.#epoch = epoch;
  }

  async seenCommands(subject: string, commandIds: string[]): Promise<SeenCommands> {
    const { rows } = await this.#pool.query<{ through: string | null; id: string | null; sequence: string }>({
      name: 'seen-commands',
      text: `select t.through, r.command_id as id, r.sequence from (${THROUGH}) t
             left join read_model.command_results r on r.command_id = any($2::uuid[]) and r.aggregate = $3`,
      values: [this.#epoch, commandIds, subject],
    });
    const sequences = new Map<string, number>();
    for (const { id, sequence } of rows) if (id !== null) sequences.set(id, Number(sequence));
    return { sequences, through: Number(rows[0]?.through ?? 0) };
  }

  async message(conversationId: string, messageId: string): Promise<ProjectedMessage> {
    const { rows } = await this.#pool.query<MessageRow>({
      name: 'message',
      text: `select t.through, m.sequence, m.deleted_at is not null as deleted, m.sender_id, m.ordinal, m.sent_at,
               m.thread_ordinal from (${THROUGH}) t
             left join read_model.messages m on m.conversation_id = $2 and m.message_id = $3`,
      values: [this.#epoch, conversationId, messageId],
    });
    const [row] = rows;
    const through = Number(row?.through ?? 0);
    if (!row || row.sequence === null) return { sequence: null, fact: null, deleted: false, through };
    const { sender_id: senderId, ordinal, sent_at: sentAt, thread_ordinal: threadOrdinal } = row;
    const fact = { senderId, ordinal, sentAt: sentAt.getTime(), threadOrdinal };
    return { sequence: Number(row.sequence), fact, deleted: row.deleted, through };
  }

  /**
   * A user's cursors as the read model has them, and the version of the conversation that it reflects. A thread or an
   * audience that the user has no cursor in counts as read up to 0. Null = it does not know the conversation yet.
   */
  async cursors(
    conversationId: string,
    userId: string,
    of: { threadOrdinal?: number | undefined; audience?: boolean | undefined },
  ): Promise<ProjectedCursors | null> {
    const [name, from] = of.threadOrdinal === undefined ? cursorSource(of.audience ?? false) : THREAD_CURSOR;
    const { rows } = await this.#pool.query<ProjectedCursors>({
      name,
      text: `select c.version, coalesce(t.read, 0) as read, coalesce(t.receipt, 0) as receipt,
               coalesce(t.delivered, 0) as delivered
             from read_model.conversations c left join lateral (${from}) t on true where c.id = $1`,
      values: [conversationId, userId, ...(of.threadOrdinal === undefined ? [] : [of.threadOrdinal])],
    });
    return rows[0] ?? null;
  }
}

export interface ProjectedMessage {
  /** Of the commit that sent it; null = it is not there. */
  sequence: number | null;
  /** As it was sent; for when retention has removed that commit. */
  fact: MessageFact | null;
  deleted: boolean;
  through: number;
}

interface MessageRow {
  through: string | null;
  sequence: string | null;
  deleted: boolean;
  sender_id: string;
  ordinal: number;
  sent_at: Date;
  thread_ordinal: number | null;
}

export interface ProjectedCursors {
  /** Of the conversation. */
  version: number;
  read: number;
  /** As the others may see it. */
  receipt: number;
  delivered: number;
}

const OF_USER = 'conversation_id = c.id and user_id = $2';
const THREAD_CURSOR = [
  'thread-cursor',
  `select read_ordinal as read, read_ordinal as receipt, read_ordinal as delivered
   from read_model.thread_followers where ${OF_USER} and ordinal = $3`,
] as const;
const AUDIENCE_CURSOR = [
  'audience-cursor',
  `select read_ordinal as read, read_ordinal as receipt, delivered_ordinal as delivered
   from read_model.audience_cursors where ${OF_USER}`,
] as const;
const MEMBER_CURSOR = [
  'member-cursor',
  `select read_ordinal as read, receipt_ordinal as receipt, delivered_ordinal as delivered
   from read_model.members where ${OF_USER} and left_sequence is null`,
] as const;

const cursorSource = (audience: boolean) => (audience ? AUDIENCE_CURSOR : MEMBER_CURSOR);
