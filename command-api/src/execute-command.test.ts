import { MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { cursorsConformance } from './advance-cursor.conformance.ts';
import { schedulesConformance } from './deliver-scheduled.conformance.ts';
import { routesConformance } from './execute-command.conformance.ts';
import { accepted, commitsOf, WriterProcess } from './testing/writer-rig.ts';

for (const conformance of [routesConformance, schedulesConformance, cursorsConformance]) {
  conformance('memory', async () => {
    const [log, snapshots] = [new MemoryEventLog(), new MemorySnapshotStore()];
    return [
      { log, snapshots },
      { log, snapshots },
    ];
  });
}

test('a scheduled message whose text the log has lost fails, and is not asked for for ever', async () => {
  const log = new MemoryEventLog();
  let now = Date.now();
  const process = new WriterProcess(log, new MemorySnapshotStore(), { now: () => now });
  const conversationId = await process.group();
  const scheduleId = uuidv7();
  const data = { conversationId, at: new Date(now + 1_000).toISOString(), message: { body: 'later' } };
  accepted(await process.do('message.schedule', 'anna', data, { key: scheduleId }));
  now += 1_000;
  Object.assign(log, { at: async () => null });
  const deliver = () => process.do('message.deliver-scheduled', 'notifier', { userId: 'anna', scheduleId });
  for (const answer of [await deliver(), await deliver()]) {
    expect(accepted(answer).result).toEqual({ outcome: 'failed', code: 'not-found' });
  }
  expect(await commitsOf(log, conversationId)).toHaveLength(1);
  await process.close();
});
