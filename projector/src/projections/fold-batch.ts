import { type Aggregate, decodeCommit, isKnown, type RecordedEvent } from '@parley/contracts';
import { changesOf, type LaneChanges, noChanges } from './changes.ts';
import { foldCommandResults } from './command-results.ts';
import { NOT_STARTED, nextProgress, type Progress } from './continuity.ts';
import { conversationFolds, touched } from './conversations.ts';
import { applyFold, type Place } from './fold.ts';
import { memberFolds, raiseCursor } from './members.ts';
import { messageFolds } from './messages.ts';

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
  /** How far each conversation of the batch is applied once the changes are written. */
  progress: Map<string, Progress>;
  events: number;
  /** The first commit that cannot be applied; the changes are those of the commits before it. */
  fault: Fault | null;
}

/**
 * Commits of one lane, in log order, into the changes that they make together. `known` tells how far a conversation
 * is applied (undefined = not begun). Never throws: a commit that is corrupt or breaks the order ends the batch.
 */
export function foldBatch(
  commits: readonly LaneCommit[],
  known: (conversationId: string) => Progress | undefined,
): FoldedBatch {
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

function foldCommit(
  commit: LaneCommit,
  batch: FoldedBatch,
  known: (conversationId: string) => Progress | undefined,
): void {
  if (commit.aggregate === null) return;
  const events = decodeCommit(commit.payload);
  switch (commit.aggregate.kind) {
    case 'conversation': {
      const { id } = commit.aggregate;
      const progress = nextProgress(
        batch.progress.get(id) ?? known(id) ?? NOT_STARTED,
        events,
        commit.sequence,
      );
      if (progress === null) return;
      batch.progress.set(id, progress);
      foldConversation(events, { changes: changesOf(batch.changes, id), sequence: commit.sequence });
      break;
    }
    case 'reads':
      foldCursors(events, batch.changes);
      break;
    case 'user':
      // A user's own facts have no table yet; their commands' answers are looked up like all others.
      break;
  }
  batch.events += events.length;
  foldCommandResults(events, commit.subject, commit.sequence, batch.changes.commandResults);
}

function foldConversation(events: readonly RecordedEvent[], place: Place): void {
  for (const event of events) {
    if (!isKnown(event) || event.type === 'cursors.advanced') {
      touched(place, event.version);
      continue;
    }
    applyFold(conversationFolds, event, place);
    applyFold(memberFolds, event, place);
    applyFold(messageFolds, event, place);
  }
}

function foldCursors(events: readonly RecordedEvent[], changes: LaneChanges): void {
  for (const event of events) {
    if (!isKnown(event) || event.type !== 'cursors.advanced') continue;
    for (const entry of event.data.entries) {
      raiseCursor(changesOf(changes, entry.conversationId), entry.userId, entry.readOrdinal);
    }
  }
}
