import type { Turn } from '../demo/script.ts';
import type { ConversationScript } from './conversation-script.ts';
import type { ImportSource, Job } from './import-source.ts';
import type { ImportTally } from './import-tally.ts';
import { inParallel } from './in-parallel.ts';

/** Of one conversation: how far they have read is of no order, and many may be in. */
const READERS_AT_ONCE = 8;

/** Where a turn comes from. */
export interface Taken {
  place: string;
  script: ConversationScript;
}

export interface PlayOptions {
  source: ImportSource;
  tally: ImportTally;
  /** Conversations at once; each of them goes in its order. */
  inFlight: number;
  /** Whether those who are in count all of it as unread. */
  keepUnread: boolean;
  /** Takes a turn to its end. A refusal is no reason to stop. */
  take(turn: Turn, of: Taken): Promise<void>;
  /** One more item is done. */
  played(): void;
  signal: AbortSignal;
}

/** Plays all that a source has, round by round. Rejects with the first fault, or the reason of the abort. */
export async function playSource(options: PlayOptions): Promise<void> {
  const { source, tally, inFlight, signal } = options;
  for await (const { jobs, skipped } of source.rounds()) {
    for (const each of skipped) tally.skip(each);
    await inParallel(jobs, inFlight, (job, stop) => playJob(job, options, stop), signal);
  }
}

async function playJob(job: Job, options: PlayOptions, signal: AbortSignal): Promise<void> {
  const { script, items, first, last } = job;
  const { tally, take, played, keepUnread } = options;
  const { title, key } = script.conversation;
  const takeAll = async (turns: readonly Turn[], place: string): Promise<void> => {
    for (const turn of turns) {
      signal.throwIfAborted();
      await take(turn, { place, script });
    }
  };
  if (first) await takeAll(script.open(), title ?? key);
  for await (const item of items) {
    signal.throwIfAborted();
    tally.items++;
    if (item.kind === 'skipped') tally.skip(item);
    else {
      const { turns, skipped, changed } = script.play(item);
      for (const each of skipped) tally.skip(each);
      for (const reason of changed) tally.change(reason);
      await takeAll(turns, item.place);
    }
    played();
  }
  if (!last) return;
  await takeAll(script.close(), title ?? key);
  if (keepUnread) return;
  const place = title ?? key;
  await inParallel(script.read(), READERS_AT_ONCE, (turn) => take(turn, { place, script }), signal);
}
