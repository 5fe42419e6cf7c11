import type { RecordedEvent } from '@parley/contracts';
import type { CommandResult } from './changes.ts';

/** Which commit answered a command: one result for each command of the commit. */
export function foldCommandResults(
  events: readonly RecordedEvent[],
  aggregate: string,
  sequence: number,
  results: CommandResult[],
): void {
  const seen = new Set<string>();
  for (const { commandid } of events) {
    if (commandid === undefined || seen.has(commandid)) continue;
    seen.add(commandid);
    results.push({ commandId: commandid, aggregate, sequence });
  }
}
