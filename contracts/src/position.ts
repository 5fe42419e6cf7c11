import { z } from 'zod';

/**
 * A place in one incarnation of the log, written `"<epoch>:<sequence>"`.
 * The epoch tells a restored or recreated log from the one a reader knew; sequences of two epochs never compare.
 */
export interface Position {
  epoch: string;
  sequence: number;
}

/** Fifteen digits: every such number is exact. */
const POSITION = /^([0-9a-f-]{36}):(0|[1-9]\d{0,14})$/;

export const positionSchema = z.string().regex(POSITION, 'must be "<epoch>:<sequence>"');

export function formatPosition(epoch: string, sequence: number): string {
  return `${epoch}:${sequence}`;
}

export function parsePosition(text: string): Position | null {
  const match = POSITION.exec(text);
  return match ? { epoch: match[1] as string, sequence: Number(match[2]) } : null;
}
