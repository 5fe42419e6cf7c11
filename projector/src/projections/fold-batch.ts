import {
  type Aggregate,
  decodeCommit,
  isConversationEvent,
  isKnown,
  type RecordedEvent,
} from '@parley/contracts';
import { changesOf, type LaneChanges, noChanges } from './changes.ts';
import { foldCommandResults } from './command-results.ts';
import {
  conversationKey,
  NOT_STARTED,
  nextProgress,
  type Progress,
  progressKey,
  type VersionedAggregate,
} from './continuity.ts';
import { conversationTableFolds, foldCursor } from './conversation-tables.ts';
import { touched } from './conversations.ts';
import { applyFold, type Place } from './fold.ts';
import { foldUser } from './fold-user.ts';
import { MisplacedEvent } from './misplaced-event.ts';

/** A commit as a lane gets it: the record, and what its subject addresses. */
export interface LaneCommit {
  sequence: number;
  subject: string;
  aggregate: Aggregate | null;
  payload: Uint8Array;
}

interface Fault {
  sequence: number;
  reason: string;
}

export interface FoldedBatch {
  changes: LaneChanges;
  /** How far each aggregate of the batch is applied once the changes are written, by `progressKey`. */
  progress: Map<string, Progress>;
  events: number;
  /** The first commit that cannot be applied; the changes are those of the commits before it. */
  fault: Fault | null;
}

/** How far an aggregate is applied, by `progressKey`; undefined = not begun. */
type Known = (key: string) => Progress | undefined;

/**
 * Commits of one lane, in log order, into the changes that they make together. Never throws: a commit that is corrupt,
 * breaks the order or is not its aggregate's ends the batch.
 */
export function foldBatch(commits: readonly LaneCommit[], known: Known): FoldedBatch {
  const batch: FoldedBatch = { changes: noChanges(), progress: new Map(), events: 0, fault: null };
  for (const [index, commit] of commits.entries()) {
    try {
      foldCommit(commit, batch, known);
    } catch (error) {
      // Half a commit may be in the changes by now, and a commit is applied whole or not at all: fold the others again.
      const before = foldBatch(commits.slice(0, index), known);
      return { ...before, fault: { sequence: commit.sequence, reason: (error as Error).message } };
    }
  }
  return batch;
}

function foldCommit(commit: LaneCommit, batch: FoldedBatch, known: Known): void {
  const { aggregate, sequence } = commit;
  if (aggregate === null) return;
  const events = decodeCommit(commit.payload);
  if (aggregate.kind === 'reads') foldCursors(events, sequence, batch, known);
  else {
    const key = progressKey(aggregate);
    const reached = batch.progress.get(key) ?? known(key) ?? NOT_STARTED;
    const progress = nextProgress(aggregate.kind, reached, events, sequence);
    if (progress === null) return;
    batch.progress.set(key, progress);
    foldVersioned(events, aggregate, sequence, batch.changes);
  }
  batch.events += events.length;
  foldCommandResults(events, commit.subject, sequence, batch.changes.commandResults);
}

function foldVersioned(
  events: readonly RecordedEvent[],
  aggregate: VersionedAggregate,
  sequence: number,
  changes: LaneChanges,
): void {
  if (aggregate.kind === 'user') foldUser(events, aggregate.token, sequence, changes.users);
  else foldConversation(events, { changes: changesOf(changes, aggregate.id), sequence });
}

function foldConversation(events: readonly RecordedEvent[], place: Place): void {
  for (const event of events) {
    if (isConversationEvent(event)) {
      for (const folds of conversationTableFolds) applyFold(folds, event, place);
    } else if (isKnown(event)) throw new MisplacedEvent(event, 'a conversation');
    else touched(place, event.version);
  }
}

/**
 * Merging by maximum alone would not do: a cursor from before the last commit that is applied to its conversation is in
 * the rows, and may have been lowered since. How far that is may be unknown here when no commit of the conversation is
 * in the batch; then the statements leave all of its cursors out or none.
 */
function foldCursors(
  events: readonly RecordedEvent[],
  sequence: number,
  batch: FoldedBatch,
  known: Known,
): void {
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type !== 'cursors.advanced') throw new MisplacedEvent(event, 'the reads');
    for (const entry of event.data.entries) {
      const key = conversationKey(entry.conversationId);
      const reached = batch.progress.get(key) ?? known(key) ?? NOT_STARTED;
      if (reached.sequence < sequence) foldCursor(entry, batch.changes, sequence);
    }
  }
}
