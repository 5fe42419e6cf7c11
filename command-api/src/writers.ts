import type { EventLog } from '@parley/runtime';
import type { WriterContext } from './aggregate-writer.ts';
import { AggregateWriters } from './aggregate-writers.ts';
import type { ConversationState } from './domain/conversation.ts';
import { conversationAggregate } from './domain/conversation-aggregate.ts';
import type { UserState } from './domain/user.ts';
import { userAggregate } from './domain/user-aggregate.ts';
import { Lookups } from './lookups.ts';
import { OldCommands } from './old-commands.ts';
import type { ReadModelLookup } from './read-model-lookup.ts';

export interface Writers {
  conversations: AggregateWriters<ConversationState>;
  users: AggregateWriters<UserState>;
  /** What they write to; its leader is asked where it ends and for single commits. */
  log: Pick<EventLog, 'at' | 'bounds'>;
}

/** The group commit of both kinds of aggregate. Conversations ask the users' for blocks, never the other way round. */
export function createWriters(
  parts: Omit<WriterContext, 'lookups'>,
  lookup: ReadModelLookup,
  idleWeight?: number,
): Writers {
  const { log, logger } = parts;
  const oldCommands = new OldCommands(lookup, log, logger);
  const lookups = new Lookups(oldCommands, lookup, log, (pair) => blockBetween(users, pair));
  const context: WriterContext = { ...parts, lookups };
  const users: AggregateWriters<UserState> = new AggregateWriters(userAggregate, context, idleWeight);
  const conversations = new AggregateWriters(conversationAggregate, context, idleWeight);
  return { conversations, users, log };
}

/** Whether one of two users has blocked the other, in states that the log's leader confirmed after this call. */
async function blockBetween(
  users: AggregateWriters<UserState>,
  [one, two]: readonly [string, string],
): Promise<boolean> {
  const answers = await Promise.all([
    users.confirmed(one, ({ blocks }) => blocks.has(two)),
    users.confirmed(two, ({ blocks }) => blocks.has(one)),
  ]);
  return answers.includes(true);
}
