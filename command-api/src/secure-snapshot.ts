import { parseSubject, userToken } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import { conversationAggregate } from './domain/conversation-aggregate.ts';
import type { UserState } from './domain/user.ts';
import { userAggregate } from './domain/user-aggregate.ts';
import {
  decodeSnapshot,
  emptyAggregate,
  encodeSnapshot,
  foldCommit,
  foldTail,
  type Loaded,
  loadAggregate,
  PurgedHistory,
  type Source,
} from './load-aggregate.ts';

/** What stands for the commits of a subject, and which of them are needed all the same. */
interface SecuredSnapshot {
  /** Of the last commit that it covers. */
  sequence: number;
  /** Of the oldest commit that the state points at because it keeps no copy of what is in it; null = none. */
  neededFrom: number | null;
}

/**
 * Folds the aggregate of a subject, stores its snapshot and reads it back: what is returned was decoded from the store,
 * which keeps it until there is one that covers more. `dryRun` only folds. Null for a subject without such a state; throws
 * when it cannot be folded or is too large to be stored.
 */
export function secureSnapshot(
  source: Source,
  subject: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<SecuredSnapshot | null> {
  return withKind(subject, async ({ aggregate, neededFrom }) => {
    const loaded = await loadAggregate(source, aggregate);
    const stored = dryRun ? loaded : await store(source, aggregate, loaded);
    return { sequence: stored.sequence, neededFrom: neededFrom(stored.state) };
  });
}

/** Whether a process that starts now can load the aggregate; throws when its history is broken in another way. */
export async function isLoadable(source: Source, subject: string): Promise<boolean> {
  try {
    await withKind(subject, ({ aggregate }) => loadAggregate(source, aggregate));
    return true;
  } catch (error) {
    if (error instanceof PurgedHistory) return false;
    throw error;
  }
}

/** Folds all commits of a subject, in order, wherever they are read from. */
export interface SubjectFold {
  take(record: CommitRecord): void;
  /** Takes what the log holds after them, stores the snapshot and reads it back. */
  finish(source: Source): Promise<void>;
}

/** Null for a subject without a state of its own. */
export async function foldSubject(subject: string): Promise<SubjectFold | null> {
  return withKind(subject, async ({ aggregate }) => {
    const loaded = emptyAggregate(aggregate);
    return {
      take: (record) => foldCommit(aggregate, loaded, record),
      async finish(source) {
        await foldTail(source.log, aggregate, loaded);
        await store(source, aggregate, loaded);
      },
    };
  });
}

async function store<State>(
  { log, snapshots }: Source,
  aggregate: Aggregate<State>,
  loaded: Loaded<State>,
): Promise<Loaded<State>> {
  const { subject } = aggregate;
  const covered = { epoch: log.epoch, sequence: loaded.sequence };
  await snapshots.put(subject, encodeSnapshot(loaded, log.epoch, aggregate), covered);
  const bytes = await snapshots.get(subject);
  const stored = bytes && decodeSnapshot(bytes, log.epoch, aggregate);
  if (!stored || stored.sequence < loaded.sequence) {
    throw new Error(`the snapshot of ${subject} does not come back as it was written`);
  }
  return stored;
}

interface Kind<State> {
  aggregate: Aggregate<State>;
  neededFrom(state: State): number | null;
}

async function withKind<T>(
  subject: string,
  work: <State>(kind: Kind<State>) => Promise<T>,
): Promise<T | null> {
  const parsed = parseSubject(subject);
  if (parsed?.kind === 'conversation') {
    return work({ aggregate: conversationAggregate(parsed.id), neededFrom: () => null });
  }
  const userId = parsed?.kind === 'user' ? userIdOf(parsed.token) : null;
  return userId === null ? null : work({ aggregate: userAggregate(userId), neededFrom: oldestScheduledText });
}

/** The text of a message that waits for its time is in the log alone. */
function oldestScheduledText({ schedules }: UserState): number | null {
  const sequences = [...schedules.values()].flatMap(({ sequence }) => sequence ?? []);
  return sequences.length === 0 ? null : Math.min(...sequences);
}

/** Null for a token that stands for no user. */
function userIdOf(token: string): string | null {
  const userId = token.startsWith('~') ? Buffer.from(token.slice(1), 'base64url').toString('utf8') : token;
  return userToken(userId) === token ? userId : null;
}
