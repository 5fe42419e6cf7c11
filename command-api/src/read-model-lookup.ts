import type { Pool } from 'pg';

/** Which of some command ids the read model has seen on an aggregate, and how far it has read. */
export interface SeenCommands {
  sequences: Map<string, number>;
  /** Every commit up to here is in the read model; 0 when it follows another log. */
  through: number;
}

/** Rows and checkpoints are written in one transaction and here read in one statement, so the two always agree. */
const THROUGH =
  'select case when bool_and(epoch = $1) then min(sequence) end as through from read_model.checkpoints';

/** The write side's three questions to the read model. All may throw when Postgres is away. */
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

  async messageSequence(
    conversationId: string,
    messageId: string,
  ): Promise<{ sequence: number | null; through: number }> {
    const { rows } = await this.#pool.query<{ through: string | null; sequence: string | null }>({
      name: 'message-sequence',
      text: `select t.through, m.sequence from (${THROUGH}) t
             left join read_model.messages m on m.conversation_id = $2 and m.message_id = $3`,
      values: [this.#epoch, conversationId, messageId],
    });
    const { through = null, sequence = null } = rows[0] ?? {};
    return { sequence: sequence === null ? null : Number(sequence), through: Number(through ?? 0) };
  }

  async readOrdinal(conversationId: string, userId: string): Promise<number> {
    const { rows } = await this.#pool.query<{ read_ordinal: number }>({
      name: 'read-ordinal',
      text: `select read_ordinal from read_model.members
             where conversation_id = $1 and user_id = $2 and left_sequence is null`,
      values: [conversationId, userId],
    });
    return rows[0]?.read_ordinal ?? 0;
  }
}
