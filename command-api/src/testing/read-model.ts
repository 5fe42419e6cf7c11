import { readdirSync, readFileSync } from 'node:fs';
import { conversationSubject } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import pg from 'pg';
import { commitsOf } from './writer-rig.ts';

const migrations = new URL('../../../projector/migrations/', import.meta.url);

/** The read model's own tables, from its migrations, filled from the log as far as a test says. */
export class ReadModel {
  #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async create(databaseUrl: string): Promise<ReadModel> {
    const client = await connect(databaseUrl);
    for (const file of readdirSync(migrations).sort()) {
      if (file.endsWith('.sql')) await client.query(readFileSync(new URL(file, migrations), 'utf8'));
    }
    return new ReadModel(client);
  }

  /** After the server was away. */
  async reconnect(databaseUrl: string): Promise<void> {
    await this.close();
    this.#client = await connect(databaseUrl);
  }

  /** Says that everything up to a sequence is in the tables. */
  async passes(log: EventLog, sequence: number): Promise<void> {
    await this.#client.query('delete from read_model.checkpoints');
    await this.#client.query(
      `insert into read_model.checkpoints (lane, epoch, sequence, commit_id, owner_epoch, updated_at)
       values (0, $1, $2, 'c', 1, now()), (1, $1, $2 + 7, 'c', 1, now())`,
      [log.epoch, sequence],
    );
  }

  /** Writes the commands and messages of a conversation up to a sequence. */
  async follow(log: EventLog, conversationId: string, through = Number.MAX_SAFE_INTEGER): Promise<void> {
    const commits = (await commitsOf(log, conversationId)).filter(({ sequence }) => sequence <= through);
    const rows = commits.flatMap(({ sequence, events }) => events.map((event) => ({ sequence, event })));
    await this.#client.query(
      `insert into read_model.command_results (command_id, aggregate, sequence)
       select id, $1, sequence from unnest($2::uuid[], $3::bigint[]) as t(id, sequence) on conflict do nothing`,
      [
        conversationSubject(conversationId),
        rows.map(({ event }) => event.commandid),
        rows.map(({ sequence }) => sequence),
      ],
    );
    const messages = rows.flatMap(({ sequence, event }) =>
      event.type === 'message.sent' ? [{ sequence, event }] : [],
    );
    await this.#client.query(
      `insert into read_model.messages
         (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, format, version)
       select $1, ordinal, id, sequence, 'anna', now(), 'plain', 1
       from unnest($2::int[], $3::uuid[], $4::bigint[]) as t(ordinal, id, sequence) on conflict do nothing`,
      [
        conversationId,
        messages.map(({ event }) => event.data.ordinal),
        messages.map(({ event }) => event.data.messageId),
        messages.map(({ sequence }) => sequence),
      ],
    );
    await this.passes(log, commits.at(-1)?.sequence ?? 0);
  }

  /** One row that says something of its own. */
  async claims(conversationId: string, commandId: string, sequence: number): Promise<void> {
    await this.#client.query('insert into read_model.command_results values ($1, $2, $3)', [
      commandId,
      conversationSubject(conversationId),
      sequence,
    ]);
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // The server goes away in some tests.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
