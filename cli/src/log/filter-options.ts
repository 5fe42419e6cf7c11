import { conversationIdSchema } from '@parley/contracts';
import { type Command, InvalidArgumentError } from 'commander';

/** What `withFilters` adds. */
export interface FilterFlags {
  conversation?: string;
  user?: string;
  type: string[];
}

/** What `withRange` adds. */
export interface RangeFlags {
  since?: string;
  until?: string;
}

/** For commands that show some of the log's events. */
export function withFilters(command: Command): Command {
  return command
    .option('--conversation <id>', 'only what is about this conversation', conversationId)
    .option('--user <id>', 'only what this user did or is named in')
    .option('--type <glob>', 'only these events, such as message.*; may be given again', collected, []);
}

export function withRange(command: Command): Command {
  return command
    .option('--since <place>', 'from there: a time, 10m or 2d ago, a sequence, a position')
    .option('--until <place>', 'up to there, itself included');
}

/** For an argument or an option's value. */
export function conversationId(text: string): string {
  if (conversationIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError('A conversation id is a lower-case UUID.');
}

export function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
