import {
  type Aggregate,
  decodeCommit,
  type EventData,
  isConversationEvent,
  isKnown,
  type RecordedEvent,
} from '@parley/contracts';
import { changesOf, type LaneChanges, noChanges } from './changes.ts';
import { foldCommandResults } from './command-results.ts';
import {
  aggregateKey,
  conversationKey,
  NOT_STARTED,
  nextProgress,
  type Progress,
  type VersionedAggregate,
} from './continuity.ts';
import { conversationTableFolds, foldCursor } from './conversation-tables.ts';
import { touched } from './conversations.ts';
import { type Exceptions, isSkipped, NO_EXCEPTIONS, skipsBetween } from './exceptions.ts';
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

/** A commit that is not applied now, under the key that it waits for. */
interface Parked {
  key: string;
  sequence: number;
  /** Null = it only waits behind an earlier one. */
  reason: string | null;
}

export interface FoldedBatch {
  changes: LaneChanges;
  /** How far each aggregate of the batch is applied once the changes are written, by `progressKey`. */
  progress: Map<string, Progress>;
  events: number;
  /** What is not in the changes: commits that cannot be applied, and what is behind them; in log order. */
  parked: Parked[];
}

/** How far an aggregate is applied, by `progressKey`; undefined = not begun. */
type Known = (key: string) => Progress | undefined;

interface Folding {
  batch: FoldedBatch;
  known: Known;
  exceptions: Exceptions;
  /** Keys that were parked in this batch. */
  parked: Set<string>;
  /** Whether each commit is tried by itself before it is merged with the others. */
  careful: boolean;
}

/** A fold threw in the middle of a commit, whose first half is in the changes. */
class HalfFolded extends Error {
  readonly sequence: number;
  constructor(sequence: number, cause: unknown) {
    super((cause as Error).message);
    this.sequence = sequence;
  }
}

/**
 * Commits of one lane, in log order, into the changes that they make together. Never throws: a commit that is corrupt,
 * breaks the order or is not its aggregate's is parked whole, with the later ones of the same conversation or user.
 */
export function foldBatch(
  commits: readonly LaneCommit[],
  known: Known,
  exceptions: Exceptions = NO_EXCEPTIONS,
): FoldedBatch {
  const refused = new Map(exceptions.refused);
  // Trying each commit alone costs a second fold of all, so only when one is known to fail; then many cost no more.
  for (let careful = false; ; careful = true) {
    try {
      return foldAll(commits, known, { ...exceptions, refused }, careful);
    } catch (error) {
      if (!(error instanceof HalfFolded)) throw error;
      if (careful) refused.set(error.sequence, error.message);
    }
  }
}

function foldAll(
  commits: readonly LaneCommit[],
  known: Known,
  exceptions: Exceptions,
  careful: boolean,
): FoldedBatch {
  const batch: FoldedBatch = { changes: noChanges(), progress: new Map(), events: 0, parked: [] };
  const folding: Folding = { batch, known, exceptions, parked: new Set(), careful };
  for (const commit of commits) {
    const { aggregate, sequence } = commit;
    if (aggregate === null || isSkipped(exceptions, aggregateKey(aggregate), sequence)) continue;
    if (aggregate.kind === 'reads') foldReads(commit, aggregateKey(aggregate), folding);
    else foldVersioned(commit, aggregate, folding);
  }
  return batch;
}

function foldVersioned(commit: LaneCommit, aggregate: VersionedAggregate, folding: Folding): void {
  const { batch, exceptions } = folding;
  const { sequence } = commit;
  const key = aggregateKey(aggregate);
  const reached = reachedBy(folding, key);
  // A delivery from an older checkpoint.
  if (sequence <= reached.sequence) return;
  if (isParked(folding, key)) {
    batch.parked.push({ key, sequence, reason: null });
    return;
  }
  try {
    const events = eventsOf(commit, exceptions);
    const gap = skipsBetween(exceptions, key, reached.sequence, sequence);
    const progress = nextProgress(aggregate.kind, reached, { events, sequence, gap });
    merge(commit, events, folding, (changes) => {
      const isNew = reached.version === 0;
      if (aggregate.kind === 'user') foldUser(events, aggregate.token, sequence, changes.users, isNew);
      else foldConversation(events, { changes: changesOf(changes, aggregate.id), sequence });
    });
    batch.progress.set(key, progress);
  } catch (error) {
    if (error instanceof HalfFolded) throw error;
    batch.parked.push({ key, sequence, reason: (error as Error).message });
    folding.parked.add(key);
  }
}

/** Nothing waits behind a commit of cursors: they merge in any order. */
function foldReads(commit: LaneCommit, key: string, folding: Folding): void {
  const { batch, exceptions } = folding;
  const { sequence } = commit;
  try {
    const events = eventsOf(commit, exceptions);
    const { open, waiting } = entriesOf(events, sequence, folding);
    merge(commit, events, folding, (changes) => {
      for (const entry of open) foldCursor(entry, changes, sequence);
    });
    for (const each of waiting) batch.parked.push({ key: each, sequence, reason: null });
  } catch (error) {
    if (error instanceof HalfFolded) throw error;
    batch.parked.push({ key, sequence, reason: (error as Error).message });
  }
}

/**
 * Puts a commit's events into the changes. Throws with nothing of it in them when it is tried alone first, HalfFolded
 * otherwise.
 */
function merge(
  { sequence, subject }: LaneCommit,
  events: readonly RecordedEvent[],
  { batch, careful }: Folding,
  into: (changes: LaneChanges) => void,
): void {
  if (careful) into(noChanges());
  try {
    into(batch.changes);
  } catch (error) {
    throw new HalfFolded(sequence, error);
  }
  batch.events += events.length;
  foldCommandResults(events, subject, sequence, batch.changes.commandResults);
}

function eventsOf({ sequence, payload }: LaneCommit, { refused }: Exceptions): RecordedEvent[] {
  const refusal = refused.get(sequence);
  if (refusal !== undefined) throw new Error(refusal);
  return decodeCommit(payload);
}

function reachedBy({ batch, known }: Folding, key: string): Progress {
  return batch.progress.get(key) ?? known(key) ?? NOT_STARTED;
}

function isParked({ parked, exceptions }: Folding, key: string): boolean {
  return parked.has(key) || exceptions.parked.has(key);
}

function foldConversation(events: readonly RecordedEvent[], place: Place): void {
  for (const event of events) {
    if (isConversationEvent(event)) {
      for (const folds of conversationTableFolds) applyFold(folds, event, place);
    } else if (isKnown(event)) throw new MisplacedEvent(event, 'a conversation');
    else touched(place, event.version);
  }
}

type CursorEntry = EventData<'cursors.advanced'>['entries'][number];

/**
 * Merging by maximum alone would not do: a cursor from before the last commit that is applied to its conversation is in
 * the rows, and may have been lowered since. How far that is may be unknown here when no commit of the conversation is
 * in the batch; then the statements leave all of its cursors out or none.
 */
function entriesOf(
  events: readonly RecordedEvent[],
  sequence: number,
  folding: Folding,
): { open: CursorEntry[]; waiting: Set<string> } {
  const { exceptions } = folding;
  const open: CursorEntry[] = [];
  const waiting = new Set<string>();
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type !== 'cursors.advanced') throw new MisplacedEvent(event, 'the reads');
    for (const entry of event.data.entries) {
      const key = conversationKey(entry.conversationId);
      if (exceptions.only !== null && exceptions.only !== key) continue;
      if (isSkipped(exceptions, key, sequence) || reachedBy(folding, key).sequence >= sequence) continue;
      if (isParked(folding, key)) waiting.add(key);
      else open.push(entry);
    }
  }
  return { open, waiting };
}
