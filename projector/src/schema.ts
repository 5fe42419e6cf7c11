import { sql } from 'drizzle-orm';
import {
  bigint,
  index,
  integer,
  json,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';

/**
 * The read models' tables, for migrations: `npx drizzle-kit generate` in this folder turns a change here into SQL.
 * Other services only read them, always qualified as `read_model.<table>`.
 */
export const readModel = pgSchema('read_model');

const time = (name: string) => timestamp(name, { withTimezone: true });
const sequenceColumn = (name: string) => bigint(name, { mode: 'number' });

export const conversations = readModel.table('conversations', {
  id: uuid('id').primaryKey(),
  type: text('type').notNull(),
  title: text('title'),
  description: text('description'),
  createdAt: time('created_at').notNull(),
  createdBy: text('created_by').notNull(),
  memberCount: integer('member_count').notNull(),
  messageCount: integer('message_count').notNull(),
  lastDeletedOrdinal: integer('last_deleted_ordinal').notNull().default(0),
  lastMessageAt: time('last_message_at'),
  version: integer('version').notNull(),
  /** Of the newest commit applied: tells a commit that is delivered again from one that breaks the version order. */
  sequence: sequenceColumn('sequence').notNull(),
});

export const members = readModel.table(
  'members',
  {
    conversationId: uuid('conversation_id').notNull(),
    userId: text('user_id').notNull(),
    role: text('role').notNull(),
    joinedAt: time('joined_at').notNull(),
    joinedSequence: sequenceColumn('joined_sequence').notNull(),
    readOrdinal: integer('read_ordinal').notNull(),
    leftSequence: sequenceColumn('left_sequence'),
    leftReason: text('left_reason'),
  },
  (table) => [
    primaryKey({ name: 'members_pk', columns: [table.conversationId, table.userId] }),
    index('members_active_by_user').on(table.userId).where(sql`${table.leftSequence} is null`),
    index('members_left_by_user')
      .on(table.userId, table.leftSequence)
      .where(sql`${table.leftSequence} is not null`),
  ],
);

export const messages = readModel.table(
  'messages',
  {
    conversationId: uuid('conversation_id').notNull(),
    ordinal: integer('ordinal').notNull(),
    messageId: uuid('message_id').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    senderId: text('sender_id').notNull(),
    sentAt: time('sent_at').notNull(),
    body: text('body'),
    format: text('format').notNull(),
    replyTo: uuid('reply_to'),
    /** Not jsonb: that refuses texts that JSON allows (a NUL, half a surrogate pair), and one would stop the lane. */
    metadata: json('metadata'),
    editedAt: time('edited_at'),
    editedBy: text('edited_by'),
    editCount: integer('edit_count').notNull().default(0),
    deletedAt: time('deleted_at'),
    deletedBy: text('deleted_by'),
    deleteReason: text('delete_reason'),
    version: integer('version').notNull(),
  },
  (table) => [
    primaryKey({ name: 'messages_pk', columns: [table.conversationId, table.ordinal] }),
    uniqueIndex('messages_by_id').on(table.conversationId, table.messageId),
    index('messages_deleted')
      .on(table.conversationId, table.ordinal)
      .where(sql`${table.deletedAt} is not null`),
  ],
);

export const commandResults = readModel.table(
  'command_results',
  {
    commandId: uuid('command_id').notNull(),
    /** The log subject: one command id may be used once per aggregate. */
    aggregate: text('aggregate').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
  },
  (table) => [primaryKey({ name: 'command_results_pk', columns: [table.commandId, table.aggregate] })],
);

export const checkpoints = readModel.table('checkpoints', {
  lane: smallint('lane').primaryKey(),
  epoch: text('epoch').notNull(),
  sequence: sequenceColumn('sequence').notNull(),
  commitId: text('commit_id').notNull(),
  ownerEpoch: sequenceColumn('owner_epoch').notNull(),
  updatedAt: time('updated_at').notNull(),
});
