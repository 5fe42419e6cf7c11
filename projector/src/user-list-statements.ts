import type { Statement } from './statements.ts';
import type {
  BlockPutRow,
  BlockRow,
  DevicePutRow,
  DeviceRow,
  ReportRow,
  SchedulePatchRow,
  SchedulePutRow,
  ScheduleRow,
} from './user-rows.ts';

export const putBlocks: Statement<BlockPutRow> = {
  name: 'put-blocks',
  text: `INSERT INTO blocks (user_id, blocked_id, at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
         ON CONFLICT (user_id, blocked_id) DO UPDATE SET at = excluded.at`,
  columns: [
    { text: ({ userId }) => userId },
    { text: ({ blockedId }) => blockedId },
    { plain: ({ at }) => at },
  ],
};

export const deleteBlocks: Statement<BlockRow> = {
  name: 'delete-blocks',
  text: `DELETE FROM blocks t USING unnest($1::text[], $2::text[]) AS u (user_id, blocked_id)
          WHERE t.user_id = u.user_id AND t.blocked_id = u.blocked_id`,
  columns: [{ text: ({ userId }) => userId }, { text: ({ blockedId }) => blockedId }],
};

export const putDevices: Statement<DevicePutRow> = {
  name: 'put-devices',
  text: `INSERT INTO devices (user_id, device_id, platform, name, registered_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
         ON CONFLICT (user_id, device_id) DO UPDATE
            SET platform = excluded.platform, name = excluded.name, registered_at = excluded.registered_at`,
  columns: [
    { text: ({ userId }) => userId },
    { text: ({ deviceId }) => deviceId },
    { text: ({ row }) => row.platform },
    { text: ({ row }) => row.name },
    { plain: ({ row }) => row.registeredAt },
  ],
};

export const deleteDevices: Statement<DeviceRow> = {
  name: 'delete-devices',
  text: `DELETE FROM devices t USING unnest($1::text[], $2::text[]) AS u (user_id, device_id)
          WHERE t.user_id = u.user_id AND t.device_id = u.device_id`,
  columns: [{ text: ({ userId }) => userId }, { text: ({ deviceId }) => deviceId }],
};

export const putSchedules: Statement<SchedulePutRow> = {
  name: 'put-schedules',
  text: `INSERT INTO scheduled_messages (user_id, schedule_id, conversation_id, due_at, message, state, code)
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[]::json[], $6::text[],
           $7::text[])
         ON CONFLICT (user_id, schedule_id) DO UPDATE
            SET conversation_id = excluded.conversation_id, due_at = excluded.due_at, message = excluded.message,
                state = excluded.state, code = excluded.code`,
  columns: [
    { text: ({ userId }) => userId },
    { plain: ({ scheduleId }) => scheduleId },
    { plain: ({ row }) => row.conversationId },
    { plain: ({ row }) => row.dueAt },
    { text: ({ row }) => row.message },
    { text: ({ row }) => row.state },
    { text: ({ row }) => row.code },
  ],
};

export const patchSchedules: Statement<SchedulePatchRow> = {
  name: 'patch-schedules',
  text: `UPDATE scheduled_messages t SET state = u.state, code = u.code
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) AS u (user_id, schedule_id, state, code)
          WHERE t.user_id = u.user_id AND t.schedule_id = u.schedule_id`,
  columns: [
    { text: ({ userId }) => userId },
    { plain: ({ scheduleId }) => scheduleId },
    { text: ({ row }) => row.state },
    { text: ({ row }) => row.code },
  ],
};

export const deleteSchedules: Statement<ScheduleRow> = {
  name: 'delete-schedules',
  text: `DELETE FROM scheduled_messages t
          USING unnest($1::text[], $2::uuid[]) AS u (user_id, schedule_id)
          WHERE t.user_id = u.user_id AND t.schedule_id = u.schedule_id`,
  columns: [{ text: ({ userId }) => userId }, { plain: ({ scheduleId }) => scheduleId }],
};

export const insertReports: Statement<ReportRow> = {
  name: 'insert-reports',
  text: `INSERT INTO reports (conversation_id, ordinal, user_id, message_id, author_id, reason, note, at,
           sequence)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
           $8::timestamptz[], $9::bigint[])
         ON CONFLICT DO NOTHING`,
  columns: [
    { plain: ({ row }) => row.conversationId },
    { plain: ({ row }) => row.ordinal },
    { text: ({ userId }) => userId },
    { plain: ({ row }) => row.messageId },
    { text: ({ row }) => row.authorId },
    { text: ({ row }) => row.reason },
    { text: ({ row }) => row.note },
    { plain: ({ row }) => row.at },
    { plain: ({ row }) => row.sequence },
  ],
};
