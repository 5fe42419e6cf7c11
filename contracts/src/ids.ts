import { v5 as uuidv5 } from 'uuid';
import { z } from 'zod';

/** Lower case only: an id is part of a subject, and one conversation must have one spelling. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MAX_USER_ID_BYTES = 128;
const SUBJECT_SAFE = /^[A-Za-z0-9_-]+$/;
/** Control characters and lone surrogates: neither survives UTF-8, Postgres and a terminal unchanged. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const utf8 = new TextEncoder();

const uuidSchema = z.string('must be a lower-case UUID').regex(UUID, 'must be a lower-case UUID');
export const commandIdSchema = z
  .string('must be a lower-case UUIDv7 that you make')
  .regex(UUID_V7, 'must be a lower-case UUIDv7');
export const conversationIdSchema = uuidSchema;
export const messageIdSchema = uuidSchema;
export const userIdSchema = z
  .string()
  .min(1)
  .max(MAX_USER_ID_BYTES)
  .refine((id) => !UNPRINTABLE.test(id), 'must not contain control characters')
  .refine((id) => utf8.encode(id).length <= MAX_USER_ID_BYTES, `must be at most ${MAX_USER_ID_BYTES} bytes`);

/** Milliseconds since 1970 that a UUIDv7 carries; the client's clock, so allow for skew. */
export function timeOfUuidv7(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const DIRECT_NAMESPACE = 'd1a6e4f2-5f0b-5c5e-9c5d-0d6f3b8f7a10';

/** The id of the one direct conversation of two users: the same whoever creates it, however often. */
export function directConversationId(a: string, b: string): string {
  return uuidv5(JSON.stringify([a, b].sort()), DIRECT_NAMESPACE);
}

/** A user id as one subject token: as it is when safe, else `~` and base64url of its UTF-8 bytes. */
export function userToken(userId: string): string {
  if (SUBJECT_SAFE.test(userId)) return userId;
  const binary = String.fromCharCode(...utf8.encode(userId));
  return `~${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

export const PARTITIONS = 32;

/**
 * FNV-1a 32 of a subject token modulo 32. Fixed for ever: it is part of every subject in the log.
 * Equals the server's own `partition(32, n)` transform, which a test asks the server itself.
 */
export function partitionOf(token: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < token.length; i++) {
    hash ^= token.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % PARTITIONS;
}
