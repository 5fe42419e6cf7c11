import { hash } from 'node:crypto';
import { userIdSchema } from '@parley/contracts';

/** Any moment that is long past: a conversation's id is a UUIDv7 too. */
const ROOMS_BEGAN_MS = Date.UTC(2004, 0);

/** Made from the room's name, so that a second run addresses the same conversation. */
export function conversationIdOf(room: string): string {
  return commandIdOf(room, 0, ROOMS_BEGAN_MS, 'room');
}

/**
 * A UUIDv7 whose time is the line's own and whose other bits are a hash of what it is for: the same in every run. Such
 * a key is years old when it is used, so the server can never tell by its age that it is new.
 */
export function commandIdOf(room: string, line: number, atMs: number, purpose: string): string {
  const time = Math.max(0, atMs).toString(16).padStart(12, '0');
  const bits = hash('sha256', JSON.stringify([room, line, purpose]), 'hex');
  const variant = ((Number.parseInt(bits.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${bits.slice(0, 3)}-${variant}${bits.slice(4, 7)}-${bits.slice(7, 19)}`;
}

/** A nickname is a user id as it stands; one that Parley would refuse gets a hash for a name. */
export function userIdOf(nick: string): string {
  return userIdSchema.safeParse(nick).success ? nick : `irc-${hash('sha256', nick, 'hex').slice(0, 16)}`;
}
