import type { LogEvent } from '@parley/contracts';
import { expect } from 'vitest';
import type { ConversationChanges } from '../projections/changes.ts';
import { foldBatch, type LaneCommit } from '../projections/fold-batch.ts';
import { commitOf, numbered, ROOM } from './commit.ts';

/** The changes of the room, of which only the creation is in the tables; the test fails when a commit is refused. */
export function foldedCommits(...commits: LaneCommit[]): ConversationChanges {
  const { changes, parked } = foldBatch(commits, () => ({ version: 1, sequence: 1 }));
  expect(parked).toEqual([]);
  const changed = changes.conversations.get(ROOM);
  if (!changed) throw new Error('nothing changed');
  return changed;
}

/** Of one commit at sequence 7, whose events have the versions from 2 on. */
export function folded(...events: LogEvent[]): ConversationChanges {
  return foldedCommits(commitOf(7, numbered(events, 2)));
}
