import { z } from 'zod';
import type { RecordedEvent } from './commit.ts';
import type { ErrorCode } from './errors.ts';
import { positionSchema } from './position.ts';

/** The realtime protocol; docs/protocol.md says what each frame promises. */
export const SOCKET_PATH = '/v1/socket';
export const SUBPROTOCOL = 'parley.v1';

export const SOCKET_LIMITS = {
  /** Largest frame a client may send. */
  frameBytes: 16_384,
  /** Bytes queued for one client, the transport's buffer included, at which it is closed 4008. */
  queueBytes: 1_048_576,
  /** Most commits replayed on one resume; beyond it the client reloads from the read API. */
  replayEvents: 5_000,
} as const;

export const HEARTBEAT_MS = 25_000;
export const HELLO_DEADLINE_MS = 10_000;

/** 40xx: reconnect and resume from the position. 44xx: get a token, then resume. 45xx: stop. */
export const closeCodes = {
  4000: 'server error',
  4001: 'going away',
  4003: 'continuity lost',
  4005: 'heartbeat timeout',
  4008: 'slow consumer',
  4009: 'rate limited',
  4403: 'token expired',
  4500: 'auth failed',
  4501: 'protocol error',
  4502: 'unsupported version',
} as const;
export type CloseCode = keyof typeof closeCodes;

export const clientFrameSchema = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('hello'),
    token: z.string().min(1),
    device: z.string().min(1).max(128).optional(),
    since: positionSchema.nullable().default(null),
    feed: z.enum(['all', 'none']).default('all'),
    caps: z.array(z.string()).max(16).default([]),
  }),
  z.strictObject({ t: z.literal('auth'), token: z.string().min(1) }),
  z.strictObject({ t: z.literal('hb') }),
]);
export type ClientFrame = z.output<typeof clientFrameSchema>;
export type HelloFrame = z.input<typeof clientFrameSchema> & { t: 'hello' };

export interface CommitItem {
  seq: number;
  events: RecordedEvent[];
}

export type ResetReason = 'epoch' | 'unknown-position' | 'retention' | 'too-far' | 'continuity';
export type RevokedReason = 'left' | 'removed' | 'banned' | 'deleted';

export type ServerFrame =
  | {
      t: 'welcome';
      connection: string;
      user: string;
      epoch: string;
      position: string;
      heartbeatMs: number;
      /** Milliseconds since 1970. */
      expiresAt: number;
      limits: typeof SOCKET_LIMITS;
      resumed: boolean;
    }
  | ({ t: 'commit' } & CommitItem)
  | { t: 'commits'; items: CommitItem[] }
  | { t: 'live'; position: string }
  | { t: 'hb'; position: string }
  | { t: 'reset'; reason: ResetReason; position: string }
  | { t: 'revoked'; conversation: string; reason: RevokedReason }
  | { t: 'auth-soon'; inMs: number }
  | { t: 'auth-ok'; expiresAt: number }
  | { t: 'drain'; afterMs: [number, number]; reason: string }
  | { t: 'error'; code: ErrorCode; detail: string };
