import type { EventOf } from '@parley/contracts';
import { isGone } from './changes.ts';
import type { Folds, Place } from './fold.ts';

/** Every change of a reaction. A repetition, which the write side cannot always know as such, is none. */
export const reactionFolds: Folds = {
  'reaction.added': (event, place) => react(event, true, place),
  'reaction.removed': (event, place) => react(event, false, place),
};

function react(
  { data, actor, time, version = 0 }: EventOf<'reaction.added' | 'reaction.removed'>,
  added: boolean,
  { changes, sequence }: Place,
): void {
  const { ordinal, emoji, authorId } = data;
  if (isGone(changes, ordinal)) return;
  const key = `${ordinal} ${emoji} ${actor}`;
  const turns = changes.reactions.get(key) ?? [];
  const before = turns.at(-1);
  if (before?.added === added) return;
  if (before) before.latest = false;
  turns.push({
    ...{ ordinal, emoji, userId: actor, version, sequence, at: time, authorId, added },
    first: before === undefined,
    latest: true,
  });
  changes.reactions.set(key, turns);
}
