import type { EventOf } from '@parley/contracts';
import { isGone } from './changes.ts';
import type { Folds, Place } from './fold.ts';

/** Every pinning and unpinning; the newest of a message holds. */
export const pinFolds: Folds = {
  'message.pinned': (event, place) => pin(event, true, place),
  'message.unpinned': (event, place) => pin(event, false, place),
};

function pin(
  { data, actor, time, version = 0 }: EventOf<'message.pinned' | 'message.unpinned'>,
  pinned: boolean,
  { changes, sequence }: Place,
): void {
  if (isGone(changes, data.ordinal)) return;
  changes.pins.push({ ordinal: data.ordinal, version, sequence, at: time, by: actor, pinned });
}
