import { z } from 'zod';
import type { RecordedEvent } from './commit.ts';
import { type ErrorCode, errorCatalogue } from './errors.ts';
import { conversationIdSchema, userIdSchema } from './ids.ts';
import { positionSchema } from './position.ts';

/** The realtime protocol; docs/protocol.md says what each frame promises. */
export const SOCKET_PATH = '/v1/socket';
export const SUBPROTOCOL = 'parley.v1';

export const SOCKET_LIMITS = {
  /** Largest frame a client may send. */
  frameBytes: 16_384,
  /** Bytes queued for one client, the transport's buffer included, at which it is closed 4008. */
  queueBytes: 1_048_576,
  /** Most commits replayed on one resume or `sub`; beyond it the client reloads from the read API. */
  replayEvents: 5_000,
  /** Conversations that one socket follows by `sub`. */
  subscriptions: 200,
  /** Users whose presence one socket watches. */
  watchedUsers: 200,
} as const;

export const HEARTBEAT_MS = 25_000;
export const HELLO_DEADLINE_MS = 10_000;
/** Somebody is typing for this long unless they say so again, or stop. */
export const TYPING_TTL_MS = 6_000;
/** In larger conversations nobody is told who types. */
export const MAX_MEMBERS_WITH_TYPING = 1_000;

/** 40xx: reconnect and resume from the position. 44xx: get a token, then resume. 45xx: stop. */
export const closeCodes = {
  4000: 'server error',
  4001: 'going away',
  4003: 'continuity lost',
  4005: 'heartbeat timeout',
  4008: 'slow consumer',
  4009: 'rate limited',
  4010: 'replaced by a newer socket of the same device',
  4403: 'token expired',
  4500: 'auth failed',
  4501: 'protocol error',
  4502: 'unsupported version',
  4503: 'session revoked',
  4504: 'connection limit',
} as const;
export type CloseCode = keyof typeof closeCodes;

/** What a user says of themselves on one socket. */
export const ownPresenceSchema = z.enum(['active', 'away', 'dnd', 'invisible']);
export type OwnPresence = z.infer<typeof ownPresenceSchema>;

/** What others see, merged over all sockets. `unknown`: nobody can tell now. */
const presenceStateSchema = z.enum(['active', 'away', 'dnd', 'offline', 'unknown']);
export type PresenceState = z.infer<typeof presenceStateSchema>;

/** Echoed in the answer. */
const requestId = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const version = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const milliseconds = z.number().int().min(0);
const conversation = conversationIdSchema;

/** By type, for documents; `clientFrameSchema` is what checks a frame. */
export const clientFrames = {
  hello: z.strictObject({
    t: z.literal('hello'),
    token: z.string().min(1),
    /** Names one connection of the user: a newer one with the same name replaces it. */
    device: z.string().min(1).max(128).optional(),
    since: positionSchema.nullable().default(null),
    feed: z.enum(['all', 'none']).default('all'),
    caps: z.array(z.string().max(64)).max(16).default([]),
    /** Said here, so that one who is invisible is never seen first. */
    presence: ownPresenceSchema.default('active'),
  }),
  sub: z.strictObject({
    t: z.literal('sub'),
    id: requestId,
    conversation,
    /** The version that the client has. */
    from: z.union([version, z.literal('head')], 'must be a version or "head"'),
  }),
  unsub: z.strictObject({ t: z.literal('unsub'), id: requestId, conversation }),
  typing: z.strictObject({ t: z.literal('typing'), conversation, on: z.boolean() }),
  presence: z.strictObject({ t: z.literal('presence'), state: ownPresenceSchema }),
  watch: z.strictObject({
    t: z.literal('watch'),
    id: requestId,
    /** Instead of those watched before. */
    users: z.array(userIdSchema).max(SOCKET_LIMITS.watchedUsers),
  }),
  auth: z.strictObject({ t: z.literal('auth'), token: z.string().min(1) }),
  hb: z.strictObject({ t: z.literal('hb') }),
} as const;

export const clientFrameSchema = z.discriminatedUnion('t', [
  clientFrames.hello,
  clientFrames.sub,
  clientFrames.unsub,
  clientFrames.typing,
  clientFrames.presence,
  clientFrames.watch,
  clientFrames.auth,
  clientFrames.hb,
]);
export type ClientFrame = z.output<typeof clientFrameSchema>;
export type HelloFrame = z.input<typeof clientFrameSchema> & { t: 'hello' };

export interface CommitItem {
  seq: number;
  events: RecordedEvent[];
}

/** Events are described by the AsyncAPI document of the log. */
const commitItemSchema = z.object({
  seq: z.number().int().min(1),
  events: z.array(z.custom<RecordedEvent>((event) => typeof event === 'object' && event !== null)).min(1),
});
const resetReasonSchema = z.enum(['epoch', 'unknown-position', 'retention', 'too-far', 'continuity']);
export type ResetReason = z.infer<typeof resetReasonSchema>;
const revokedReasonSchema = z.enum(['left', 'removed', 'banned', 'deleted']);
export type RevokedReason = z.infer<typeof revokedReasonSchema>;

const seenPresence = {
  user: userIdSchema,
  state: presenceStateSchema,
  /** Milliseconds since 1970; of one who is offline and lets others see it. */
  lastSeen: milliseconds.optional(),
};
export type SeenPresence = z.infer<z.ZodObject<typeof seenPresence>>;

export const serverFrames = {
  welcome: z.object({
    t: z.literal('welcome'),
    connection: z.string(),
    user: userIdSchema,
    epoch: z.string(),
    position: positionSchema,
    heartbeatMs: milliseconds,
    /** Milliseconds since 1970. */
    expiresAt: milliseconds,
    limits: z.object({
      frameBytes: z.literal(SOCKET_LIMITS.frameBytes),
      queueBytes: z.literal(SOCKET_LIMITS.queueBytes),
      replayEvents: z.literal(SOCKET_LIMITS.replayEvents),
      subscriptions: z.literal(SOCKET_LIMITS.subscriptions),
      watchedUsers: z.literal(SOCKET_LIMITS.watchedUsers),
    }),
    resumed: z.boolean(),
  }),
  commit: z.object({ t: z.literal('commit'), ...commitItemSchema.shape }),
  commits: z.object({ t: z.literal('commits'), items: z.array(commitItemSchema).min(1) }),
  live: z.object({ t: z.literal('live'), position: positionSchema }),
  hb: z.object({ t: z.literal('hb'), position: positionSchema }),
  'sub-ok': z.object({
    t: z.literal('sub-ok'),
    id: requestId,
    conversation,
    /** Commits follow from after this version… */
    from: version,
    /** …and this one is the newest now. */
    head: version,
  }),
  'sub-commits': z.object({
    t: z.literal('sub-commits'),
    conversation,
    items: z.array(commitItemSchema).min(1),
  }),
  'sub-live': z.object({ t: z.literal('sub-live'), conversation, version }),
  reset: z.object({
    t: z.literal('reset'),
    reason: resetReasonSchema,
    position: positionSchema,
    /** Only this conversation, when it is named. */
    conversation: conversation.optional(),
  }),
  revoked: z.object({ t: z.literal('revoked'), conversation, reason: revokedReasonSchema }),
  typing: z.object({
    t: z.literal('typing'),
    conversation,
    user: userIdSchema,
    on: z.boolean(),
    ttlMs: milliseconds,
  }),
  presence: z.object({ t: z.literal('presence'), ...seenPresence }),
  presences: z.object({ t: z.literal('presences'), items: z.array(z.object(seenPresence)).min(1) }),
  'auth-soon': z.object({ t: z.literal('auth-soon'), inMs: milliseconds }),
  'auth-ok': z.object({ t: z.literal('auth-ok'), expiresAt: milliseconds }),
  drain: z.object({
    t: z.literal('drain'),
    afterMs: z.tuple([milliseconds, milliseconds]),
    reason: z.string(),
  }),
  error: z.object({
    t: z.literal('error'),
    /** Of the request that it answers. */
    id: requestId.optional(),
    code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    retryAfterMs: milliseconds.optional(),
  }),
} as const;

export type ServerFrame = {
  [T in keyof typeof serverFrames]: z.infer<(typeof serverFrames)[T]>;
}[keyof typeof serverFrames];
