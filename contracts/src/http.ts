import { z } from 'zod';
import { conversationIdSchema } from './ids.ts';

/** Header names, lower case as Node gives them. */
export const HEADERS = {
  idempotencyKey: 'idempotency-key',
  position: 'parley-position',
  minPosition: 'parley-min-position',
} as const;

/** Largest request body of the command API, in bytes: 100 commands of 10,000 characters do not all fit, by intent. */
export const MAX_REQUEST_BYTES = 1024 * 1024;

/** Digits and nothing else: no sign, no exponent, no empty text that would count as 0. Fifteen of them are exact. */
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
const limit = (fallback: number, max: number) => whole(1, max).default(fallback);
const ordinal = whole(0, 999_999_999_999_999);
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

export type InboxQuery = z.output<typeof inboxQuerySchema>;
export type MembersQuery = z.output<typeof membersQuerySchema>;
export type MessagesQuery = z.output<typeof messagesQuerySchema>;
