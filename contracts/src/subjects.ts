import { partitionOf, userToken } from './ids.ts';

/** The one stream that holds every event, and what it captures. */
export const LOG_STREAM = 'EVT';
export const LOG_SUBJECTS = 'evt.>';
/** KV bucket of folded aggregate state: over history that retention has removed it is the only copy but for the archive. */
export const SNAPSHOT_BUCKET = 'snapshots';

const twoDigits = (partition: number): string => String(partition).padStart(2, '0');

export type Aggregate =
  | { kind: 'conversation'; id: string; partition: number }
  | { kind: 'user'; token: string; partition: number }
  | { kind: 'reads'; partition: number };

export function conversationSubject(conversationId: string): string {
  return `evt.${twoDigits(partitionOf(conversationId))}.conv.${conversationId}`;
}

export function userSubject(userId: string): string {
  const token = userToken(userId);
  return `evt.${twoDigits(partitionOf(token))}.user.${token}`;
}

/** Cursors of every conversation in one partition share a subject, so readers never contend. */
export function readsSubject(conversationId: string): string {
  return `evt.${twoDigits(partitionOf(conversationId))}.reads`;
}

/** What a log subject addresses, or null when it is none of ours. */
export function parseSubject(subject: string): Aggregate | null {
  const [root, partitionText, kind, id, ...rest] = subject.split('.');
  const partition = Number(partitionText);
  if (root !== 'evt' || rest.length > 0 || !/^\d\d$/.test(partitionText ?? '')) return null;
  if (kind === 'reads' && id === undefined) return { kind, partition };
  if (kind === 'conv' && id) return { kind: 'conversation', id, partition };
  if (kind === 'user' && id) return { kind, token: id, partition };
  return null;
}
