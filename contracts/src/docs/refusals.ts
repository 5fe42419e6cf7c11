import type { ErrorCode } from '../errors.ts';

/** What commands of one kind may all be refused with; `typed` = not every type of conversation has the command. */
export const inside: ErrorCode[] = ['not-found', 'banned', 'forbidden', 'conversation-deleted'];
export const typed: ErrorCode[] = [...inside, 'not-allowed-here'];
export const writing: ErrorCode[] = [...inside, 'conversation-archived'];
export const writingTyped: ErrorCode[] = [...writing, 'not-allowed-here'];
export const service: ErrorCode[] = ['insufficient-scope', 'not-found'];
