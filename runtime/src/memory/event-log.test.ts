import { eventLogConformance } from '../event-log.conformance.ts';
import { MemoryEventLog } from './event-log.ts';

eventLogConformance('memory', async () => {
  const log = new MemoryEventLog();
  return { logs: [log, log] };
});
