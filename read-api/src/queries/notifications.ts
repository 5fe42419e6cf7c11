import { hash } from 'node:crypto';
import type { NotificationKind, NotificationsPage, Query } from '@parley/contracts';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { cursorCount, cursorSequence, decodeCursor, pageOf } from '../page.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { NOTIFICATIONS } from './notification-sources.ts';
import { preferencesOf, type StoredPreferences } from './preferences.ts';

/** [sequence, class, place]: what a notification comes from is one event of one commit. */
const cursorSchema = z.tuple([cursorSequence, cursorCount, cursorCount]);
const START: z.infer<typeof cursorSchema> = [Number.MAX_SAFE_INTEGER, 0, 0];

interface NotificationRow {
  kind: NotificationKind;
  class: number;
  place: number;
  conversation_id: string;
  sequence: string;
  title: string | null;
  message_id: string | null;
  ordinal: number | null;
  by: string;
  preview: string | null;
  emoji: string | null;
  at: Date;
  read: boolean;
}

/** Computed, not stored. Those read one by one leave a page of unread ones shorter than its limit. */
export async function readNotifications(
  { client, asOf }: Snapshot,
  { query, principal: { userId } }: QueryRequest<'notifications'>,
): Promise<NotificationsPage> {
  const rows = await notificationRows(client, query, userId);
  const { page, nextCursor } = pageOf(rows, query.limit, (row) => [
    Number(row.sequence),
    row.class,
    row.place,
  ]);
  const told = page.map((row) => ({ row, id: notificationId(row, userId) }));
  const read = await readById(
    client,
    userId,
    told.map(({ id }) => id),
  );
  const items = told.map(({ row, id }) => notificationView(row, id, row.read || read.has(id)));
  return {
    asOf,
    items: query.unread ? items.filter((item) => !item.read) : items,
    nextCursor,
  };
}

async function notificationRows(
  client: PoolClient,
  query: Query<'notifications'>,
  userId: string,
): Promise<NotificationRow[]> {
  const [sequence, kindClass, place] = decodeCursor(query.cursor, cursorSchema) ?? START;
  const users = await client.query<{ preferences: StoredPreferences; read_through: string }>({
    name: 'notification-preferences',
    text: `select preferences, notifications_read_sequence as read_through from read_model.users
      where user_id = $1`,
    values: [userId],
  });
  const { notifications, conversations } = preferencesOf(users.rows[0]?.preferences);
  const kinds = Object.entries(notifications).flatMap(([kind, isOn]) => (isOn ? [kind] : []));
  const { rows } = await client.query<NotificationRow>({
    name: 'notifications',
    text: NOTIFICATIONS,
    values: [
      userId,
      kinds,
      sequence,
      kindClass,
      place,
      users.rows[0]?.read_through ?? 0,
      query.unread,
      JSON.stringify(conversations),
      query.limit + 1,
    ],
  });
  return rows;
}

async function readById(client: PoolClient, userId: string, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ notification_id: string }>({
    name: 'notification-reads',
    text: `select notification_id from read_model.notification_reads
      where user_id = $1 and notification_id = any($2::uuid[])`,
    values: [userId, ids],
  });
  return new Set(rows.map((row) => row.notification_id));
}

function notificationView(
  row: NotificationRow,
  id: string,
  read: boolean,
): NotificationsPage['items'][number] {
  return {
    id,
    kind: row.kind,
    conversationId: row.conversation_id,
    title: row.title,
    messageId: row.message_id,
    ordinal: row.ordinal,
    by: row.by,
    preview: row.preview,
    emoji: row.emoji,
    at: row.at.toISOString(),
    sequence: Number(row.sequence),
    read,
  };
}

/** Fixed for ever: ids that clients have marked as read are made of it. */
const NAMESPACE = Buffer.from('7c0f5d8e3b1a5c64a2f90d6b4e8137ca', 'hex');

/** A version 5 UUID of the fact, the kind and the user. */
function notificationId(row: NotificationRow, userId: string): string {
  const name = JSON.stringify([row.conversation_id, Number(row.sequence), row.place, row.kind, userId]);
  const digest = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(name)]), 'hex');
  const variant = ((Number.parseInt(digest.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  const parts = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `5${digest.slice(13, 16)}`,
    `${variant}${digest.slice(18, 20)}`,
    digest.slice(20, 32),
  ];
  return parts.join('-');
}
