import { CorruptCommit, decodeCommit } from '@parley/contracts';
import type { LogReader } from './log-reader.ts';
import { count } from './numbers.ts';
import { readState, type State, writeState } from './state-file.ts';

export interface FollowOptions {
  reader: LogReader;
  stateFile: string;
  /** End when everything that is in the log is counted. */
  once: boolean;
  signal: AbortSignal;
  onProgress(state: State, behind: number): void;
}

/**
 * Counts commits until it is stopped. First the numbers and their sequence are stored, in one file, then the commits
 * are acknowledged: killed in between, the commits come again and are passed over by their sequence.
 */
export async function followLog({
  reader,
  stateFile,
  once,
  signal,
  onProgress,
}: FollowOptions): Promise<State> {
  const state = readState(stateFile);
  if (state.epoch !== null && state.epoch !== reader.epoch) throw new OtherLog(stateFile);
  state.epoch = reader.epoch;
  while (!signal.aborted) {
    const batch = await reader.next();
    if (!batch) {
      if (once && (await reader.atEnd())) break;
      continue;
    }
    for (const { seq, data } of batch.commits) {
      if (seq > state.sequence) take(state, seq, data);
    }
    writeState(stateFile, state);
    await batch.acknowledge();
    onProgress(state, batch.behind);
  }
  return state;
}

function take(state: State, sequence: number, payload: Uint8Array): void {
  try {
    count(state.numbers, decodeCommit(payload));
  } catch (error) {
    if (!(error instanceof CorruptCommit)) throw error;
    state.unreadable++;
    state.firstUnreadable ??= sequence;
  }
  state.sequence = sequence;
}

/** The log was restored or made anew: its sequences mean other commits than the ones that were counted. */
class OtherLog extends Error {
  override name = 'OtherLog';
  constructor(stateFile: string) {
    super(
      `${stateFile} counts another log (its epoch differs). Move it away to count this log from its start.`,
    );
  }
}
