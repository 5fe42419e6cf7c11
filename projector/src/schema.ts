import { type SQL, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  json,
  jsonb,
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
 *
 * A row is written by the commits of one partition only, so lanes never meet in it. No row is written per member when a
 * message is sent: what depends on the reader is computed when it is read.
 *
 * Descending indexes name "nulls first", also where there are none: `ORDER BY … DESC` means that, and an index of the
 * other order does not serve it.
 */
export const readModel = pgSchema('read_model');

const time = (name: string) => timestamp(name, { withTimezone: true });
const sequenceColumn = (name: string) => bigint(name, { mode: 'number' });
const conversationId = () => uuid('conversation_id').notNull();
const userId = () => text('user_id').notNull();
const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

// Conversation lanes: events of `conv.<id>` and of `reads`.

export const conversations = readModel.table(
  'conversations',
  {
    id: uuid('id').primaryKey(),
    type: text('type').notNull(),
    title: text('title'),
    description: text('description'),
    avatar: text('avatar'),
    settings: jsonb('settings').notNull(),
    /** Broadcasts only: all, segment or custom. */
    audience: text('audience'),
    segment: text('segment'),
    audienceUserIds: text('audience_user_ids').array(),
    createdAt: time('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    archivedAt: time('archived_at'),
    deletedAt: time('deleted_at'),
    memberCount: integer('member_count').notNull(),
    /** The highest ordinal: all messages there ever were. */
    messageCount: integer('message_count').notNull(),
    /** How many of them are thread replies. */
    replyCount: integer('reply_count').notNull().default(0),
    /** Newest message that is not a thread reply. */
    lastMainOrdinal: integer('last_main_ordinal').notNull().default(0),
    lastMessageAt: time('last_message_at'),
    lastMessageSequence: sequenceColumn('last_message_sequence').notNull().default(0),
    /** Hints that spare a look: no message after these ordinals is deleted, mentions all, is a reply. */
    lastDeletedOrdinal: integer('last_deleted_ordinal').notNull().default(0),
    lastMentionAllOrdinal: integer('last_mention_all_ordinal').notNull().default(0),
    lastReplyOrdinal: integer('last_reply_ordinal').notNull().default(0),
    /** Retention has emptied the messages up to this one. */
    expiredOrdinal: integer('expired_ordinal').notNull().default(0),
    version: integer('version').notNull(),
    /** Of the newest commit applied: tells a commit that is delivered again from one that breaks the version order. */
    sequence: sequenceColumn('sequence').notNull(),
  },
  (table) => [
    index('conversations_channels')
      .on(sql`lower(${table.title})`, table.id)
      .where(sql`${table.type} = 'channel' and ${table.deletedAt} is null`),
    index('conversations_segment')
      .on(table.segment)
      .where(
        sql`${table.type} = 'broadcast' and ${table.segment} is not null and ${table.deletedAt} is null`,
      ),
    index('conversations_for_all')
      .on(table.id)
      .where(sql`${table.type} = 'broadcast' and ${table.audience} = 'all' and ${table.deletedAt} is null`),
    index('conversations_retention')
      .on(table.id)
      .where(sql`${table.settings} ->> 'retentionDays' is not null and ${table.deletedAt} is null`),
  ],
);

/** Who a broadcast to listed users reaches, by user. They never change; deleted conversations keep theirs. */
export const audienceUsers = readModel.table(
  'audience_users',
  { userId: userId(), conversationId: conversationId() },
  (table) => [primaryKey({ name: 'audience_users_pk', columns: [table.userId, table.conversationId] })],
);

export const members = readModel.table(
  'members',
  {
    conversationId: conversationId(),
    userId: userId(),
    role: text('role').notNull(),
    joinedAt: time('joined_at').notNull(),
    joinedSequence: sequenceColumn('joined_sequence').notNull(),
    /** Of the event that made them a member. */
    joinedVersion: integer('joined_version').notNull(),
    /** Message count when the user joined: with history for members only, what they may see begins after it. */
    joinedOrdinal: integer('joined_ordinal').notNull(),
    readOrdinal: integer('read_ordinal').notNull(),
    deliveredOrdinal: integer('delivered_ordinal').notNull().default(0),
    /** The read cursor as the others may see it: private reading does not move it. */
    receiptOrdinal: integer('receipt_ordinal').notNull().default(0),
    /** Hint: no message after this ordinal mentions the user by name in the main timeline. */
    lastMentionOrdinal: integer('last_mention_ordinal').notNull().default(0),
    leftSequence: sequenceColumn('left_sequence'),
    /** left, removed or banned. */
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

/** Every change of a membership, for reads as of the past: the newest row up to a moment is what held then. */
export const memberChanges = readModel.table(
  'member_changes',
  {
    conversationId: conversationId(),
    userId: userId(),
    version: integer('version').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    at: time('at').notNull(),
    /** Null = not a member from here on. */
    role: text('role'),
    joinedAt: time('joined_at'),
  },
  (table) => [
    primaryKey({ name: 'member_changes_pk', columns: [table.conversationId, table.userId, table.version] }),
  ],
);

/** Cursors of a broadcast's implicit audience, made at the first read or delivery. */
export const audienceCursors = readModel.table(
  'audience_cursors',
  {
    conversationId: conversationId(),
    userId: userId(),
    readOrdinal: integer('read_ordinal').notNull(),
    deliveredOrdinal: integer('delivered_ordinal').notNull(),
  },
  (table) => [primaryKey({ name: 'audience_cursors_pk', columns: [table.conversationId, table.userId] })],
);

export const bans = readModel.table(
  'bans',
  {
    conversationId: conversationId(),
    userId: userId(),
    bannedBy: text('banned_by').notNull(),
    at: time('at').notNull(),
    until: time('until'),
    reason: text('reason'),
  },
  (table) => [primaryKey({ name: 'bans_pk', columns: [table.conversationId, table.userId] })],
);

export const invites = readModel.table(
  'invites',
  {
    conversationId: conversationId(),
    userId: userId(),
    role: text('role').notNull(),
    invitedBy: text('invited_by').notNull(),
    at: time('at').notNull(),
    expiresAt: time('expires_at'),
    sequence: sequenceColumn('sequence').notNull(),
  },
  (table) => [
    primaryKey({ name: 'invites_pk', columns: [table.conversationId, table.userId] }),
    index('invites_by_user').on(table.userId, table.sequence.desc().nullsFirst()),
  ],
);

export const messages = readModel.table(
  'messages',
  {
    conversationId: conversationId(),
    ordinal: integer('ordinal').notNull(),
    messageId: uuid('message_id').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    senderId: text('sender_id').notNull(),
    sentAt: time('sent_at').notNull(),
    /** Of its `message.sent`: unlike `version` it never changes. */
    sentVersion: integer('sent_version').notNull(),
    /** Thread replies among the messages up to this one. */
    replies: integer('replies').notNull(),
    body: text('body'),
    format: text('format').notNull(),
    /** Json and not jsonb: that refuses texts that JSON allows (a NUL, half a surrogate pair), and one would stop the lane. */
    ciphertext: json('ciphertext'),
    attachments: json('attachments').notNull(),
    replyTo: uuid('reply_to'),
    replyToAuthor: text('reply_to_author'),
    threadId: uuid('thread_id'),
    threadOrdinal: integer('thread_ordinal'),
    mentions: json('mentions').notNull(),
    mentionsAll: boolean('mentions_all').notNull(),
    metadata: json('metadata'),
    editedAt: time('edited_at'),
    editedBy: text('edited_by'),
    editCount: integer('edit_count').notNull().default(0),
    deletedAt: time('deleted_at'),
    deletedBy: text('deleted_by'),
    deleteReason: text('delete_reason'),
    version: integer('version').notNull(),
    search: tsvector('search').generatedAlwaysAs((): SQL => sql`to_tsvector('simple', coalesce(body, ''))`),
  },
  (table) => [
    primaryKey({ name: 'messages_pk', columns: [table.conversationId, table.ordinal] }),
    uniqueIndex('messages_by_id').on(table.conversationId, table.messageId),
    index('messages_deleted')
      .on(table.conversationId, table.ordinal)
      .where(sql`${table.deletedAt} is not null`),
    index('messages_in_threads')
      .on(table.conversationId, table.threadOrdinal, table.ordinal)
      .where(sql`${table.threadOrdinal} is not null`),
    index('messages_mentioning_all').on(table.conversationId, table.ordinal).where(sql`${table.mentionsAll}`),
    index('messages_replying')
      .on(table.replyToAuthor, table.sequence.desc().nullsFirst())
      .where(sql`${table.replyToAuthor} is not null`),
    index('messages_search').using('gin', table.search),
  ],
);

/** Every text of an edited message, the first and the present one too, until the message is deleted or expires. */
export const messageEdits = readModel.table(
  'message_edits',
  {
    conversationId: conversationId(),
    ordinal: integer('ordinal').notNull(),
    version: integer('version').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    at: time('at').notNull(),
    by: text('by').notNull(),
    body: text('body'),
    format: text('format').notNull(),
    ciphertext: json('ciphertext'),
    mentions: json('mentions').notNull(),
  },
  (table) => [
    primaryKey({ name: 'message_edits_pk', columns: [table.conversationId, table.ordinal, table.version] }),
  ],
);

/** Who is mentioned by name. Rows of deleted messages stay and are told by the message. */
export const mentions = readModel.table(
  'mentions',
  {
    conversationId: conversationId(),
    userId: userId(),
    ordinal: integer('ordinal').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    inThread: boolean('in_thread').notNull(),
  },
  (table) => [
    primaryKey({ name: 'mentions_pk', columns: [table.conversationId, table.ordinal, table.userId] }),
    index('mentions_by_user').on(table.userId, table.conversationId, table.ordinal),
    index('mentions_newest').on(table.userId, table.sequence.desc().nullsFirst()),
  ],
);

/** Every change of a reaction, as with memberships: the newest row for a user and emoji is what holds. */
export const reactions = readModel.table(
  'reactions',
  {
    conversationId: conversationId(),
    ordinal: integer('ordinal').notNull(),
    emoji: text('emoji').notNull(),
    userId: userId(),
    version: integer('version').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    at: time('at').notNull(),
    authorId: text('author_id').notNull(),
    added: boolean('added').notNull(),
    /** Of the newest change of this user and emoji on this message. */
    latest: boolean('latest').notNull(),
  },
  (table) => [
    primaryKey({
      name: 'reactions_pk',
      columns: [table.conversationId, table.ordinal, table.emoji, table.userId, table.version],
    }),
    index('reactions_standing')
      .on(table.conversationId, table.ordinal)
      .where(sql`${table.latest} and ${table.added}`),
    index('reactions_to_author')
      .on(table.authorId, table.sequence.desc().nullsFirst())
      .where(sql`${table.added}`),
  ],
);

export const pins = readModel.table(
  'pins',
  {
    conversationId: conversationId(),
    ordinal: integer('ordinal').notNull(),
    version: integer('version').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    at: time('at').notNull(),
    by: text('by').notNull(),
    pinned: boolean('pinned').notNull(),
  },
  (table) => [primaryKey({ name: 'pins_pk', columns: [table.conversationId, table.ordinal, table.version] })],
);

export const threads = readModel.table(
  'threads',
  {
    conversationId: conversationId(),
    /** Of the root. */
    ordinal: integer('ordinal').notNull(),
    /** Deleted replies included. */
    replyCount: integer('reply_count').notNull(),
    lastReplyOrdinal: integer('last_reply_ordinal').notNull(),
    lastReplyAt: time('last_reply_at').notNull(),
    lastReplySequence: sequenceColumn('last_reply_sequence').notNull(),
  },
  (table) => [primaryKey({ name: 'threads_pk', columns: [table.conversationId, table.ordinal] })],
);

/** Who started a thread, wrote in it or is mentioned in it, and how far they have read it. */
export const threadFollowers = readModel.table(
  'thread_followers',
  {
    conversationId: conversationId(),
    userId: userId(),
    /** Of the root. */
    ordinal: integer('ordinal').notNull(),
    /** Replies up to here were there before the user followed, and notify nobody. */
    followedFrom: integer('followed_from').notNull(),
    readOrdinal: integer('read_ordinal').notNull(),
  },
  (table) => [
    primaryKey({ name: 'thread_followers_pk', columns: [table.userId, table.conversationId, table.ordinal] }),
  ],
);

/** Everything done to a conversation and its people: who, what, when. Why a message was deleted goes when it expires. */
export const audit = readModel.table(
  'audit',
  {
    conversationId: conversationId(),
    version: integer('version').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    at: time('at').notNull(),
    actor: text('actor').notNull(),
    type: text('type').notNull(),
    details: json('details').notNull(),
  },
  (table) => [
    primaryKey({ name: 'audit_pk', columns: [table.conversationId, table.version] }),
    index('audit_newest').on(
      table.sequence.desc().nullsFirst(),
      table.conversationId,
      table.version.desc().nullsFirst(),
    ),
  ],
);

// User lanes: events of `user.<id>`.

export const users = readModel.table('users', {
  userId: text('user_id').primaryKey(),
  displayName: text('display_name'),
  avatar: text('avatar'),
  statusText: text('status_text'),
  lastSeenVisible: boolean('last_seen_visible').notNull().default(true),
  /** What the user has set; defaults hold for the rest. */
  preferences: json('preferences').notNull(),
  notificationsReadSequence: sequenceColumn('notifications_read_sequence').notNull().default(0),
  version: integer('version').notNull(),
  sequence: sequenceColumn('sequence').notNull(),
});

/** Only for conversations in which a user muted, archived, pinned or hid something. */
export const userConversations = readModel.table(
  'user_conversations',
  {
    userId: userId(),
    conversationId: conversationId(),
    /** The last mute: from a commit to a moment, `infinity` = without an end. Null = never muted. */
    mutedSequence: sequenceColumn('muted_sequence'),
    mutedUntil: time('muted_until'),
    /** Of the commit that archived it: a newer message may bring it back. */
    archivedSequence: sequenceColumn('archived_sequence'),
    pinnedAt: time('pinned_at'),
    lastHiddenOrdinal: integer('last_hidden_ordinal').notNull().default(0),
  },
  (table) => [primaryKey({ name: 'user_conversations_pk', columns: [table.userId, table.conversationId] })],
);

export const hiddenMessages = readModel.table(
  'hidden_messages',
  { userId: userId(), conversationId: conversationId(), ordinal: integer('ordinal').notNull() },
  (table) => [
    primaryKey({ name: 'hidden_messages_pk', columns: [table.userId, table.conversationId, table.ordinal] }),
  ],
);

export const blocks = readModel.table(
  'blocks',
  { userId: userId(), blockedId: text('blocked_id').notNull(), at: time('at').notNull() },
  (table) => [primaryKey({ name: 'blocks_pk', columns: [table.userId, table.blockedId] })],
);

export const devices = readModel.table(
  'devices',
  {
    userId: userId(),
    deviceId: text('device_id').notNull(),
    platform: text('platform').notNull(),
    name: text('name'),
    registeredAt: time('registered_at').notNull(),
  },
  (table) => [primaryKey({ name: 'devices_pk', columns: [table.userId, table.deviceId] })],
);

export const scheduledMessages = readModel.table(
  'scheduled_messages',
  {
    userId: userId(),
    scheduleId: uuid('schedule_id').notNull(),
    conversationId: conversationId(),
    dueAt: time('due_at').notNull(),
    message: json('message').notNull(),
    /** pending, released or failed; one that was cancelled or sent has no row. */
    state: text('state').notNull(),
    code: text('code'),
  },
  (table) => [
    primaryKey({ name: 'scheduled_messages_pk', columns: [table.userId, table.scheduleId] }),
    index('scheduled_messages_due').on(table.dueAt).where(sql`${table.state} <> 'failed'`),
  ],
);

export const notificationReads = readModel.table(
  'notification_reads',
  { userId: userId(), notificationId: uuid('notification_id').notNull() },
  (table) => [primaryKey({ name: 'notification_reads_pk', columns: [table.userId, table.notificationId] })],
);

export const reports = readModel.table(
  'reports',
  {
    conversationId: conversationId(),
    ordinal: integer('ordinal').notNull(),
    userId: userId(),
    messageId: uuid('message_id').notNull(),
    authorId: text('author_id').notNull(),
    reason: text('reason').notNull(),
    note: text('note'),
    at: time('at').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
  },
  (table) => [
    primaryKey({ name: 'reports_pk', columns: [table.conversationId, table.ordinal, table.userId] }),
    index('reports_newest').on(table.conversationId, table.sequence.desc().nullsFirst()),
    index('reports_of_all').on(table.sequence.desc().nullsFirst()),
  ],
);

// Every lane.

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

/**
 * Commits that cannot be applied, and behind each the later ones of the same conversation or user; in log order each waits
 * for the one before it. A commit of cursors may wait for several conversations.
 */
export const deadLetters = readModel.table(
  'dead_letters',
  {
    /** The aggregate: `conv.<id>`, `user.<token>`, or `reads.<partition>` for a commit of cursors that cannot be read at all. */
    key: text('key').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    subject: text('subject').notNull(),
    commitId: text('commit_id').notNull(),
    /** Why it cannot be applied; null = it only waits behind an earlier one. */
    reason: text('reason'),
    attempts: integer('attempts').notNull(),
    parkedAt: time('parked_at').notNull(),
    /** An operator wants it tried again. */
    retryAt: time('retry_at'),
  },
  (table) => [primaryKey({ name: 'dead_letters_pk', columns: [table.key, table.sequence] })],
);

/** What operators decided and no log can tell again: unlike the read model it is never dropped. */
export const operators = pgSchema('parley_operators');

/** Commits that a fold passes over, whatever read model it fills. */
export const skippedCommits = operators.table(
  'skipped_commits',
  {
    epoch: text('epoch').notNull(),
    key: text('key').notNull(),
    sequence: sequenceColumn('sequence').notNull(),
    subject: text('subject').notNull(),
    commitId: text('commit_id').notNull(),
    /** Why it could not be applied. */
    reason: text('reason').notNull(),
    skippedBy: text('skipped_by').notNull(),
    skippedAt: time('skipped_at').notNull(),
  },
  (table) => [primaryKey({ name: 'skipped_commits_pk', columns: [table.epoch, table.key, table.sequence] })],
);
