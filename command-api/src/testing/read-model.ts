import { readdirSync, readFileSync } from 'node:fs';
import { conversationSubject, type LogEvent, userSubject } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import pg from 'pg';
import { commitsOf, commitsOn } from './writer-rig.ts';

const migrations = new URL('../../../projector/migrations/', import.meta.url);

interface HeldCursors {
  userId?: string;
  version: number;
  read: number;
  receipt: number;
  delivered: number;
}

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
    await this.#commands(conversationSubject(conversationId), rows);
    const messages = rows.flatMap(({ sequence, event }) =>
      event.type === 'message.sent' ? [{ sequence, event }] : [],
    );
    await this.#client.query(
      `insert into read_model.messages
         (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, format, attachments, mentions,
          mentions_all, sent_version, version)
       select $1, ordinal, id, sequence, 'anna', now(), 0, 'plain', '[]', '{}', false, 1, 1
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

  /** As if the message had been deleted long ago. */
  async deletes(conversationId: string, messageId: string): Promise<void> {
    await this.#client.query(
      "update read_model.messages set deleted_at = now(), deleted_by = 'anna' where conversation_id = $1 and message_id = $2",
      [conversationId, messageId],
    );
  }

  /** Writes all commands of a user's own facts. */
  async followUser(log: EventLog, userId: string): Promise<void> {
    const commits = await commitsOn(log, userSubject(userId));
    const rows = commits.flatMap(({ sequence, events }) => events.map((event) => ({ sequence, event })));
    await this.#commands(userSubject(userId), rows);
    await this.passes(log, commits.at(-1)?.sequence ?? 0);
  }

  async #commands(subject: string, rows: { sequence: number; event: LogEvent }[]): Promise<void> {
    await this.#client.query(
      `insert into read_model.command_results (command_id, aggregate, sequence)
       select id, $1, sequence from unnest($2::uuid[], $3::bigint[]) as t(id, sequence) on conflict do nothing`,
      [subject, rows.map(({ event }) => event.commandid), rows.map(({ sequence }) => sequence)],
    );
  }

  /** One row that says something of its own. */
  async claims(conversationId: string, commandId: string, sequence: number): Promise<void> {
    await this.#client.query('insert into read_model.command_results values ($1, $2, $3)', [
      commandId,
      conversationSubject(conversationId),
      sequence,
    ]);
  }

  /** A user's cursors in a conversation of this version; ten further in the thread of message 2, twenty as its audience. */
  async holdsCursors(conversationId: string, cursors: HeldCursors): Promise<void> {
    const { userId = 'anna', version, read, receipt, delivered } = cursors;
    await this.#client.query(
      `insert into read_model.conversations
         (id, type, settings, created_at, created_by, member_count, message_count, version, sequence)
       values ($1, 'group', '{}', now(), 'anna', 2, 9, $2, 1)`,
      [conversationId, version],
    );
    await this.#client.query(
      `insert into read_model.members
         (conversation_id, user_id, role, joined_at, joined_sequence, joined_version, joined_ordinal, read_ordinal,
          receipt_ordinal, delivered_ordinal)
       values ($1, $2, 'member', now(), 1, 1, 0, $3, $4, $5)`,
      [conversationId, userId, read, receipt, delivered],
    );
    await this.#client.query('insert into read_model.thread_followers values ($1, $2, 2, 1, $3)', [
      conversationId,
      userId,
      read + 10,
    ]);
    await this.#client.query('insert into read_model.audience_cursors values ($1, $2, $3, $4)', [
      conversationId,
      userId,
      read + 20,
      delivered + 20,
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
