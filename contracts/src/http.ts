import { z } from 'zod';
import { conversationIdSchema } from './ids.ts';
import { positionSchema } from './position.ts';

/** Header names, lower case as Node gives them. */
export const HEADERS = {
  idempotencyKey: 'idempotency-key',
  position: 'parley-position',
  minPosition: 'parley-min-position',
} as const;

/** Largest request body of the command API, in bytes: 100 commands of 10,000 characters do not all fit, by intent. */
export const MAX_REQUEST_BYTES = 1024 * 1024;

/** An array or one value of a query string, as an integer with a default and a stated range. */
const limit = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);
const ordinal = z.coerce.number().int().min(0);
const cursor = z.string().min(1).max(500);

export const conversationParamsSchema = z.strictObject({ conversationId: conversationIdSchema });

export const inboxQuerySchema = z.strictObject({
  filter: z.enum(['all', 'unread', 'direct', 'group', 'channel']).default('all'),
  order: z.enum(['recent', 'unread']).default('recent'),
  limit: limit(50, 200),
  cursor: cursor.optional(),
});

export const membersQuerySchema = z.strictObject({ limit: limit(100, 500), cursor: cursor.optional() });

/** At most one of before, after, around; none = the newest page. Items always come in ascending ordinals. */
export const messagesQuerySchema = z
  .strictObject({
    before: ordinal.optional(),
    after: ordinal.optional(),
    around: ordinal.optional(),
    limit: limit(50, 200),
  })
  .refine(
    (query) => [query.before, query.after, query.around].filter((value) => value !== undefined).length <= 1,
    { message: 'use at most one of before, after and around', path: ['around'] },
  );

export const minPositionSchema = positionSchema;

export type InboxQuery = z.output<typeof inboxQuerySchema>;
export type MembersQuery = z.output<typeof membersQuerySchema>;
export type MessagesQuery = z.output<typeof messagesQuerySchema>;
