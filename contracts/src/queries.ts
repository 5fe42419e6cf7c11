import { z } from 'zod';
import { conversationIdSchema, messageIdSchema, userIdSchema } from './ids.ts';
import { positionSchema } from './position.ts';
import * as views from './views.ts';
import { momentSchema, roleSchema } from './vocabulary.ts';

/** Digits and nothing else: no sign, no exponent, no empty text that would count as 0. Fifteen of them are exact. */
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
const limit = (fallback: number, max: number) => whole(1, max).default(fallback);
const ordinal = whole(0, 999_999_999_999_999);
const cursor = z.string().min(1).max(500).optional();
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const searchText = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), 'must not contain control characters');
/** A position of the log, or a moment: the answer is as it was then. */
const asOf = z.union([positionSchema, momentSchema], 'must be a position or a time').optional();

const none = z.strictObject({});
const paged = (fallback: number, max: number) => z.strictObject({ limit: limit(fallback, max), cursor });
const inConversation = z.strictObject({ conversationId: conversationIdSchema });
const onMessage = z.strictObject({ conversationId: conversationIdSchema, messageId: messageIdSchema });

/** At most one of before, after, around; none = the newest page. Items always come in ascending ordinals. */
const messagesQuery = z
  .strictObject({
    before: ordinal.optional(),
    after: ordinal.optional(),
    around: ordinal.optional(),
    limit: limit(50, 200),
    asOf,
  })
  .refine(
    (query) => [query.before, query.after, query.around].filter((value) => value !== undefined).length <= 1,
    { message: 'use at most one of before, after and around', path: ['around'] },
  );

/** Every query of the read API: `GET <path>`, what it takes and what it answers. Unknown parameters are refused. */
export const querySchemas = {
  me: {
    path: '/v1/me',
    summary: 'Your profile, preferences, blocks and devices',
    params: none,
    query: none,
    answer: views.meAnswerSchema,
  },
  inbox: {
    path: '/v1/me/conversations',
    summary: 'Your conversations with their unread counts; archived ones only with their filter',
    params: none,
    query: z.strictObject({
      filter: z
        .enum([
          'all',
          'unread',
          'mentions',
          'archived',
          'muted',
          'pinned',
          'direct',
          'group',
          'channel',
          'broadcast',
        ])
        .default('all'),
      order: z.enum(['recent', 'unread', 'pinned']).default('recent'),
      limit: limit(50, 200),
      cursor,
    }),
    answer: views.inboxPageSchema,
  },
  unread: {
    path: '/v1/me/unread',
    summary: 'The badge: unread messages, mentions and thread replies over all conversations',
    params: none,
    query: none,
    answer: views.unreadViewSchema,
  },
  notifications: {
    path: '/v1/me/notifications',
    summary: 'What concerns you by name, newest first, as your preferences and mutes allow',
    params: none,
    query: z.strictObject({ unread: flag.default(false), limit: limit(50, 100), cursor }),
    answer: views.notificationsPageSchema,
  },
  threads: {
    path: '/v1/me/threads',
    summary: 'Threads you follow, the one with the newest reply first',
    params: none,
    query: z.strictObject({ unread: flag.default(false), limit: limit(20, 50), cursor }),
    answer: views.threadsPageSchema,
  },
  invites: {
    path: '/v1/me/invites',
    summary: 'Conversations you are invited to',
    params: none,
    query: paged(50, 200),
    answer: views.myInvitesPageSchema,
  },
  scheduled: {
    path: '/v1/me/scheduled',
    summary: 'Your messages that wait for their time, and those that could not be sent',
    params: none,
    query: paged(50, 100),
    answer: views.scheduledPageSchema,
  },
  channels: {
    path: '/v1/channels',
    summary: 'Public channels by title',
    params: none,
    query: z.strictObject({ q: searchText.optional(), limit: limit(50, 200), cursor }),
    answer: views.channelsPageSchema,
  },
  conversation: {
    path: '/v1/conversations/:conversationId',
    summary: 'A conversation, and what you are in it',
    params: inConversation,
    query: z.strictObject({ asOf }),
    answer: views.conversationAnswerSchema,
  },
  members: {
    path: '/v1/conversations/:conversationId/members',
    summary: 'Members in the order of their ids',
    params: inConversation,
    query: z.strictObject({ role: roleSchema.optional(), limit: limit(100, 500), cursor, asOf }),
    answer: views.membersPageSchema,
  },
  messages: {
    path: '/v1/conversations/:conversationId/messages',
    summary: 'A page of history; reading it moves no cursor',
    params: inConversation,
    query: messagesQuery,
    answer: views.messagesPageSchema,
  },
  message: {
    path: '/v1/conversations/:conversationId/messages/:messageId',
    summary: 'One message',
    params: onMessage,
    query: none,
    answer: views.messageAnswerSchema,
  },
  thread: {
    path: '/v1/conversations/:conversationId/messages/:messageId/thread',
    summary: 'The replies in the thread of a message',
    params: onMessage,
    query: z
      .strictObject({ before: ordinal.optional(), after: ordinal.optional(), limit: limit(50, 200) })
      .refine(({ before, after }) => before === undefined || after === undefined, {
        message: 'use at most one of before and after',
        path: ['after'],
      }),
    answer: views.messagesPageSchema,
  },
  history: {
    path: '/v1/conversations/:conversationId/messages/:messageId/history',
    summary: 'Every text that a message has had; none once it is deleted',
    params: onMessage,
    query: none,
    answer: views.historyAnswerSchema,
  },
  reactions: {
    path: '/v1/conversations/:conversationId/messages/:messageId/reactions',
    summary: 'Who reacted to a message, and how',
    params: onMessage,
    query: paged(100, 500),
    answer: views.reactionsPageSchema,
  },
  receipts: {
    path: '/v1/conversations/:conversationId/receipts',
    summary: 'How far each member has read and received, in conversations of at most 250 members',
    params: inConversation,
    query: z.strictObject({ ordinal: ordinal.optional() }),
    answer: views.receiptsAnswerSchema,
  },
  pins: {
    path: '/v1/conversations/:conversationId/pins',
    summary: 'Pinned messages, the last pinned first',
    params: inConversation,
    query: none,
    answer: views.pinsAnswerSchema,
  },
  bans: {
    path: '/v1/conversations/:conversationId/bans',
    summary: 'Who is banned, for moderators',
    params: inConversation,
    query: paged(100, 500),
    answer: views.bansPageSchema,
  },
  conversationInvites: {
    path: '/v1/conversations/:conversationId/invites',
    summary: 'Who is invited, for moderators',
    params: inConversation,
    query: paged(100, 500),
    answer: views.conversationInvitesPageSchema,
  },
  reports: {
    path: '/v1/conversations/:conversationId/reports',
    summary: 'Messages that were reported, newest report first, for moderators',
    params: inConversation,
    query: paged(50, 200),
    answer: views.reportsPageSchema,
  },
  allReports: {
    path: '/v1/reports',
    summary: 'All reports, of direct conversations too, newest first, for tokens with the scope parley:audit',
    params: none,
    query: paged(50, 200),
    answer: views.reportsPageSchema,
  },
  events: {
    path: '/v1/conversations/:conversationId/events',
    summary: 'The facts themselves, from a version on',
    params: inConversation,
    query: z.strictObject({ after: ordinal.default(0), limit: limit(100, 500) }),
    answer: views.eventsPageSchema,
  },
  search: {
    path: '/v1/search',
    summary: 'Full-text search in what you may see, newest first',
    params: none,
    query: z.strictObject({
      q: searchText,
      conversation: conversationIdSchema.optional(),
      from: userIdSchema.optional(),
      limit: limit(20, 50),
      cursor,
    }),
    answer: views.searchPageSchema,
  },
  user: {
    path: '/v1/users/:userId',
    summary: 'A profile',
    params: z.strictObject({ userId: userIdSchema }),
    query: none,
    answer: views.userAnswerSchema,
  },
  users: {
    path: '/v1/users',
    summary: 'Several profiles; unknown users are left out',
    params: none,
    query: z.strictObject({ ids: z.string().min(1).max(15_000) }),
    answer: views.usersAnswerSchema,
  },
  audit: {
    path: '/v1/audit',
    summary: 'Who did what: of a conversation for its admins, of all for tokens with the scope parley:audit',
    params: none,
    query: z.strictObject({ conversation: conversationIdSchema.optional(), limit: limit(50, 200), cursor }),
    answer: views.auditPageSchema,
  },
} as const;

export const AUDIT_SCOPE = 'parley:audit';

export type QueryName = keyof typeof querySchemas;
export type QueryInput<N extends QueryName> = z.input<(typeof querySchemas)[N]['query']>;
export type Query<N extends QueryName> = z.output<(typeof querySchemas)[N]['query']>;
export type QueryAnswer<N extends QueryName> = z.infer<(typeof querySchemas)[N]['answer']>;
