import { createHash } from 'node:crypto';
import type { Aggregate } from '@parley/contracts';

/** Percents have two digits after the point. */
const PARTS = 10_000;

/** Whether an aggregate is among so many percent of all; reads always are, because theirs are of every conversation. */
export function isSampled(aggregate: Aggregate, percent: number): boolean {
  if (aggregate.kind === 'reads') return true;
  return isSampledId(aggregate.kind === 'conversation' ? aggregate.id : userIdOf(aggregate.token), percent);
}

/** The same as `sampledCondition` says of a column that holds the id. */
export function isSampledId(id: string, percent: number): boolean {
  return createHash('md5').update(id).digest().readUInt32BE(0) % PARTS < partsOf(percent);
}

/** The SQL condition under which a row belongs to a sampled aggregate, or null when all do; `id` is an SQL text. */
export function sampledCondition(id: string, percent: number): string | null {
  if (partsOf(percent) >= PARTS) return null;
  return `('x' || left(md5(${id}), 8))::bit(32)::bigint % ${PARTS} < ${partsOf(percent)}`;
}

const partsOf = (percent: number): number => Math.round(percent * (PARTS / 100));

/** The reverse of userToken. */
function userIdOf(token: string): string {
  return token.startsWith('~') ? Buffer.from(token.slice(1), 'base64url').toString() : token;
}
