import { logSource, NewReadModel, type Rebuilt, rebuildReadModel } from '@parley/projector';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { answerCalls } from '../frame/worker.ts';

/** Ours: `parley rebuild` as a library, in a process that does nothing else, so that its memory can be told. */
export interface RebuildOrder {
  natsUrl: string;
  databaseUrl: string;
  /** Fold only so far, and neither compare nor exchange: for the memory that a part of the log takes. */
  until?: number;
}

export interface RebuildTimes {
  loadSeconds: number;
  indexSeconds: number;
  /** Zero when nothing was compared. */
  compareSeconds: number;
  pauseMs: number;
  /** Rows by which the live tables and the new ones differ. */
  differences: number;
  peakMemoryMb: number;
}

const logger = createLogger({ name: 'bench', level: 'error' });

answerCalls({ rebuild });

async function rebuild({ natsUrl, databaseUrl, until }: RebuildOrder): Promise<RebuildTimes> {
  const opened = await openEventLog({ natsUrl, replicas: 1, name: 'bench-rebuild', logger });
  try {
    const place = { databaseUrl, log: opened.log, logger };
    const times = await (until === undefined ? rebuildAll(place) : loadPart(place, until));
    return { ...times, peakMemoryMb: process.resourceUsage().maxRSS / 1_024 };
  } finally {
    await opened.close();
  }
}

interface Place {
  databaseUrl: string;
  log: EventLog;
  logger: typeof logger;
}

type Times = Omit<RebuildTimes, 'peakMemoryMb'>;

async function rebuildAll(place: Place): Promise<Times> {
  const began = performance.now();
  const at = { index: Number.NaN, compare: Number.NaN, compared: Number.NaN };
  const rebuilt = await rebuildReadModel({
    ...place,
    keepOldMs: 3_600_000,
    progress: {
      say: () => undefined,
      phase: (name) => {
        if (name !== 'load') at[name] = performance.now();
      },
      reached: () => {
        if (at.compare > 0) at.compared = performance.now();
      },
    },
  });
  return {
    loadSeconds: (at.index - began) / 1_000,
    indexSeconds: (at.compare - at.index) / 1_000,
    compareSeconds: (at.compared - at.compare) / 1_000,
    pauseMs: rebuilt.switched?.pauseMs ?? Number.NaN,
    differences: differencesOf(rebuilt),
  };
}

function differencesOf({ compared, incomparable }: Rebuilt): number {
  if (compared === null) throw new Error(`nothing was compared: ${incomparable}`);
  return compared.reduce((sum, { missing, extra, different }) => sum + missing + extra + different, 0);
}

async function loadPart({ log, ...place }: Place, until: number): Promise<Times> {
  const began = performance.now();
  const commit = await log.at(until);
  if (commit === null) throw new Error(`the log has no commit ${until}`);
  const next = await NewReadModel.create({ ...place, log, schema: 'read_model_next', epoch: log.epoch });
  const target = { sequence: until, commitId: commit.commitId };
  await next.foldTo(
    Array.from({ length: next.lanes }, (_, lane) => ({ lane, ...target })),
    logSource(log),
  );
  const loaded = performance.now();
  await next.createIndexes();
  await next.drop();
  return {
    loadSeconds: (loaded - began) / 1_000,
    indexSeconds: (performance.now() - loaded) / 1_000,
    compareSeconds: 0,
    pauseMs: 0,
    differences: 0,
  };
}
