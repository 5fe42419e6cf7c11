import { decodeCommit } from '@parley/contracts';
import type { EventLog } from '@parley/runtime';

/** Messages in the log after one sequence and up to another; throws when one is there twice. */
export async function countMessages(log: EventLog, after: number, upTo: number): Promise<number> {
  if (upTo <= after) return 0;
  const seen = new Set<string>();
  let events = 0;
  for await (const records of log.subscribe({ afterSequence: after })) {
    for (const record of records) {
      if (record.sequence > upTo) break;
      for (const event of decodeCommit(record.payload)) {
        if (event.type !== 'message.sent') continue;
        events++;
        seen.add((event.data as { messageId: string }).messageId);
      }
    }
    if ((records.at(-1)?.sequence ?? 0) >= upTo) break;
  }
  if (seen.size !== events) throw new Error(`${events - seen.size} messages are in the log twice`);
  return events;
}
