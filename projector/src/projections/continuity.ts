import type { Aggregate, RecordedEvent } from '@parley/contracts';

/** An aggregate whose versions are dense; cursors have none, they merge by maximum. */
export type VersionedAggregate = Exclude<Aggregate, { kind: 'reads' }>;

/** How far an aggregate has been applied: its version, and the sequence of the commit that brought it there. */
export interface Progress {
  version: number;
  sequence: number;
}

export const NOT_STARTED: Progress = { version: 0, sequence: 0 };

/** Tells aggregates of all kinds apart. */
export function progressKey(aggregate: VersionedAggregate): string {
  return aggregate.kind === 'conversation' ? conversationKey(aggregate.id) : `user.${aggregate.token}`;
}

/** What a commit is parked or skipped under: `conv.<id>`, `user.<token>`, `reads.<partition>`. */
export function aggregateKey(aggregate: Aggregate): string {
  return aggregate.kind === 'reads' ? `reads.${aggregate.partition}` : progressKey(aggregate);
}

export function conversationKey(conversationId: string): string {
  return `conv.${conversationId}`;
}

/** The log breaks a rule that every writer keeps; applying it would make the read model wrong without a trace. */
class BrokenOrder extends Error {
  override name = 'BrokenOrder';
}

/**
 * Where a commit that is not applied yet takes its aggregate. Throws BrokenOrder when its versions do not follow: a
 * commit is missing, or two writers used one version. `gap` = a commit before it was skipped, so versions may be left
 * out. Events of unknown types count like all others.
 */
export function nextProgress(
  kind: VersionedAggregate['kind'],
  known: Progress,
  commit: { events: readonly RecordedEvent[]; sequence: number; gap: boolean },
): Progress {
  const { events, sequence, gap } = commit;
  let version = gap ? Math.max(known.version, (events[0]?.version ?? 0) - 1) : known.version;
  for (const event of events) {
    version += 1;
    if (event.version !== version) {
      throw new BrokenOrder(`event ${event.id} has version ${event.version}, expected ${version}`);
    }
    if (kind === 'conversation' && (version === 1) !== (event.type === 'conversation.created')) {
      throw new BrokenOrder(`event ${event.id} is ${event.type} at version ${version}`);
    }
  }
  return { version, sequence };
}
