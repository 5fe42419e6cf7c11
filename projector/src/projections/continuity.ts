import type { RecordedEvent } from '@parley/contracts';

/** How far a conversation has been applied: its version, and the sequence of the commit that brought it there. */
export interface Progress {
  version: number;
  sequence: number;
}

export const NOT_STARTED: Progress = { version: 0, sequence: 0 };

/** The log breaks a rule that every writer keeps; applying it would make the read model wrong without a trace. */
class BrokenOrder extends Error {
  override name = 'BrokenOrder';
}

/**
 * Where a commit takes its conversation, or null when it is applied already (a delivery from an older checkpoint).
 * Throws BrokenOrder when its versions do not follow: a commit is missing, or two writers used one version.
 */
export function nextProgress(
  known: Progress,
  events: readonly RecordedEvent[],
  sequence: number,
): Progress | null {
  if (sequence <= known.sequence) return null;
  let version = known.version;
  for (const event of events) {
    version += 1;
    if (event.version !== version) {
      throw new BrokenOrder(`event ${event.id} has version ${event.version}, expected ${version}`);
    }
    if ((version === 1) !== (event.type === 'conversation.created')) {
      throw new BrokenOrder(`event ${event.id} is ${event.type} at version ${version}`);
    }
  }
  return { version, sequence };
}
