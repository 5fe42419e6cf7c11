import type { Pool } from 'pg';

/** Which of some command ids the read model has seen on an aggregate, and how far it has read. */
export interface SeenCommands {
  sequences: Map<string, number>;
  /** Every commit up to here is in the read model; 0 when it follows another log. */
  through: number;
}

/** The write side's three questions to the read model. All may throw when Postgres is away. */
export class ReadModelLookup {
  readonly #pool: Pool;
  readonly #epoch: string;

  constructor(pool: Pool, epoch: string) {
    this.#pool = pool;
    this.#epoch = epoch;
  }

  async seenCommands(subject: string, commandIds: string[]): Promise<SeenCommands> {
    // The checkpoint is read first: a command committed between the two reads is then found, or not yet promised.
    const through = await this.#through();
    const { rows } = await this.#pool.query<{ command_id: string; sequence: string }>({
      name: 'seen-commands',
      text: `select command_id, sequence from read_model.command_results
             where command_id = any($1::uuid[]) and aggregate = $2`,
      values: [commandIds, subject],
    });
    return { sequences: new Map(rows.map((row) => [row.command_id, Number(row.sequence)])), through };
  }

  async messageSequence(
    conversationId: string,
    messageId: string,
  ): Promise<{ sequence: number | null; through: number }> {
    const through = await this.#through();
    const { rows } = await this.#pool.query<{ sequence: string }>({
      name: 'message-sequence',
      text: 'select sequence from read_model.messages where conversation_id = $1 and message_id = $2',
      values: [conversationId, messageId],
    });
    return { sequence: rows[0] ? Number(rows[0].sequence) : null, through };
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

  async #through(): Promise<number> {
    const { rows } = await this.#pool.query<{ through: string | null }>({
      name: 'read-through',
      text: `select case when bool_and(epoch = $1) then min(sequence) end as through from read_model.checkpoints`,
      values: [this.#epoch],
    });
    return Number(rows[0]?.through ?? 0);
  }
}
