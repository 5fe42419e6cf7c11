import { MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import { cursorsConformance } from './advance-cursor.conformance.ts';
import { schedulesConformance } from './deliver-scheduled.conformance.ts';
import { routesConformance } from './execute-command.conformance.ts';

for (const conformance of [routesConformance, schedulesConformance, cursorsConformance]) {
  conformance('memory', async () => {
    const [log, snapshots] = [new MemoryEventLog(), new MemorySnapshotStore()];
    return [
      { log, snapshots },
      { log, snapshots },
    ];
  });
}
