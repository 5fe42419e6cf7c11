import type { CommandResult, CommandType, LogEvent } from '@parley/contracts';
import { decodeCommit } from '@parley/contracts';
import {
  type CommitRecord,
  type EventLog,
  type Logger,
  LogUnavailable,
  ProblemError,
  type SnapshotStore,
} from '@parley/runtime';
import type { Aggregate } from './domain/aggregate.ts';
import { type CommandRecord, CommandWindow } from './domain/command-window.ts';

const CATCH_UP_ATTEMPTS = 50;
const CATCH_UP_PAUSE_MS = 20;

/** An aggregate folded up to a commit. `window` is advanced in place, the rest is replaced. */
export interface Loaded<State> {
  state: State;
  version: number;
  /** Sequence of the last commit folded: what the next append expects. */
  sequence: number;
  /** Time of the last event, milliseconds: event times of one aggregate never go back. */
  lastAt: number;
  window: CommandWindow;
  /** Version of the newest snapshot known to this process. */
  snapshotVersion: number;
}

/** The version chain is broken: an event is missing, doubled or from elsewhere. Nothing may be appended on top. */
class BrokenHistory extends Error {
  override name = 'BrokenHistory';
}

/** The next event that the log holds is not the next version. */
class MissingVersions extends BrokenHistory {
  override name = 'MissingVersions';
}

/**
 * Retention has removed what comes next, and no snapshot at hand stands for it. What is left says nothing of the state,
 * so nothing is decided and nothing appended until there is one.
 */
export class PurgedHistory extends ProblemError {
  override name = 'PurgedHistory';
  constructor() {
    super('unavailable', { detail: 'The state of this cannot be loaded now.', retryAfterMs: 5_000 });
  }
}

const NO_HISTORY =
  'retention removed the beginning of this aggregate from the log, and its snapshot is missing or not one that this ' +
  'build can read: every command to it is refused. Run `parley retention restore-snapshots --archive DIR` of this build';

export interface Source {
  log: EventLog;
  snapshots: SnapshotStore;
  logger: Logger;
}

/** From the snapshot when there is a usable one, then the tail of the log. Reads may be late; append is what checks. */
export async function loadAggregate<State>(
  source: Source,
  aggregate: Aggregate<State>,
): Promise<Loaded<State>> {
  for (let tried = -1; ; ) {
    const loaded = (await readSnapshot(source, aggregate)) ?? emptyAggregate(aggregate);
    const { snapshotVersion } = loaded;
    try {
      await foldTail(source.log, aggregate, loaded);
      return loaded;
    } catch (error) {
      if (!(error instanceof PurgedHistory)) throw error;
      // Retention stores a snapshot before it removes: it may have done both since this one was read.
      if (snapshotVersion <= tried) {
        source.logger.error({ subject: aggregate.subject, snapshotVersion }, NO_HISTORY);
        throw error;
      }
      tried = snapshotVersion;
    }
  }
}

/**
 * One that cannot be had or read costs time and nothing else, as long as the log is whole; where it is not, folding what
 * is left of it fails.
 */
async function readSnapshot<State>(
  { log, snapshots, logger }: Source,
  aggregate: Aggregate<State>,
): Promise<Loaded<State> | null> {
  try {
    const bytes = await snapshots.get(aggregate.subject);
    return bytes && decodeSnapshot(bytes, log.epoch, aggregate);
  } catch (error) {
    const { subject } = aggregate;
    logger.warn({ err: error, subject }, 'snapshot not usable; the whole log of the aggregate is read');
    return null;
  }
}

export function emptyAggregate<State>({ initial: state }: Aggregate<State>): Loaded<State> {
  return { state, version: 0, sequence: 0, lastAt: 0, window: new CommandWindow(), snapshotVersion: 0 };
}

/** Throws `PurgedHistory` when retention has removed what comes next. */
export async function foldTail<State>(
  log: EventLog,
  aggregate: Aggregate<State>,
  loaded: Loaded<State>,
): Promise<void> {
  try {
    for await (const page of log.read(aggregate.subject, loaded.sequence)) {
      for (const record of page) foldCommit(aggregate, loaded, record);
    }
  } catch (error) {
    const purged = error instanceof MissingVersions && loaded.sequence + 1 < (await log.bounds()).first;
    throw purged ? new PurgedHistory() : error;
  }
}

/** Resolves to whether the state was the newest before; now it is. Replicas answer reads late, the leader does not. */
export async function catchUp<State>(
  log: EventLog,
  aggregate: Aggregate<State>,
  loaded: Loaded<State>,
): Promise<boolean> {
  const last = await log.lastSequence(aggregate.subject);
  if (last === loaded.sequence) return true;
  if (last < loaded.sequence) throw new LogUnavailable('the log lost commits of this aggregate');
  for (let attempt = 0; loaded.sequence < last; attempt++) {
    if (attempt === CATCH_UP_ATTEMPTS) throw new LogUnavailable('a replica of the log is far behind');
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, CATCH_UP_PAUSE_MS));
    await foldTail(log, aggregate, loaded);
  }
  return false;
}

export function foldCommit<State>(
  aggregate: Aggregate<State>,
  loaded: Loaded<State>,
  record: CommitRecord,
): void {
  const events: LogEvent[] = [];
  for (const event of decodeCommit(record.payload)) {
    if (!aggregate.owns(event)) throw tooNew();
    events.push(event);
    if (event.version !== loaded.version + 1) {
      const Fault = (event.version ?? 0) > loaded.version ? MissingVersions : BrokenHistory;
      throw new Fault(
        `${aggregate.eventSubject}: version ${event.version} after ${loaded.version} at sequence ${record.sequence}`,
      );
    }
    loaded.state = aggregate.evolve(loaded.state, event);
    loaded.version = event.version;
    loaded.lastAt = Math.max(loaded.lastAt, Date.parse(event.time));
  }
  loaded.state = aggregate.stored(loaded.state, events, record.sequence);
  loaded.sequence = record.sequence;
  for (const made of commandRecords(aggregate, events, record.sequence)) loaded.window.add(made);
}

/** Written by a newer build. What it means for the next command is not known here, so nothing may be decided on top. */
function tooNew(): ProblemError {
  const detail = 'There are events here that this server does not know yet.';
  return new ProblemError('unavailable', { detail, retryAfterMs: 5_000 });
}

/** One record for each command that wrote into a commit. */
export function commandRecords(
  { resultOf }: Pick<Aggregate<unknown>, 'resultOf'>,
  events: readonly LogEvent[],
  sequence: number,
): CommandRecord[] {
  const byCommand = new Map<string, LogEvent[]>();
  for (const event of events) {
    if (!event.commandid) continue;
    const siblings = byCommand.get(event.commandid);
    if (siblings) siblings.push(event);
    else byCommand.set(event.commandid, [event]);
  }
  return [...byCommand].map(([commandId, made]) => ({
    commandId,
    actor: made[0]?.actor ?? '',
    hash: made[0]?.commandhash ?? '',
    sequence,
    version: made.at(-1)?.version ?? 0,
    result: resultOf(made) as CommandResult<CommandType>,
    ...inThread(made[0]),
    at: Date.parse(made[0]?.time ?? ''),
  }));
}

function inThread(event: LogEvent | undefined): Pick<CommandRecord, 'threadOrdinal'> {
  const ordinal = event?.type === 'message.sent' ? event.data.threadOrdinal : undefined;
  return ordinal === undefined ? {} : { threadOrdinal: ordinal };
}

/**
 * Bumped when the shape or meaning of a snapshot changes: an older one is then ignored. Where retention has removed
 * history the new build needs `parley retention restore-snapshots` before it serves: say so in its release notes.
 */
const SNAPSHOT_FORMAT = 4;

interface Snapshot {
  format: number;
  epoch: string;
  sequence: number;
  version: number;
  lastAt: number;
  state: unknown;
  window: ReturnType<CommandWindow['newest']>;
}

export function encodeSnapshot<State>(
  { state, version, sequence, lastAt, window }: Loaded<State>,
  epoch: string,
  aggregate: Aggregate<State>,
): Uint8Array {
  const snapshot: Snapshot = {
    format: SNAPSHOT_FORMAT,
    epoch,
    sequence,
    version,
    lastAt,
    state: aggregate.encode(state),
    window: window.newest(),
  };
  return Buffer.from(JSON.stringify(snapshot));
}

export function decodeSnapshot<State>(
  bytes: Uint8Array,
  epoch: string,
  aggregate: Aggregate<State>,
): Loaded<State> | null {
  const snapshot = JSON.parse(Buffer.from(bytes).toString()) as Snapshot;
  if (snapshot.format !== SNAPSHOT_FORMAT || snapshot.epoch !== epoch) return null;
  const { sequence, version, lastAt, state, window } = snapshot;
  return {
    state: aggregate.decode(state),
    version,
    sequence,
    lastAt,
    window: new CommandWindow(window.records, window.forgotten),
    snapshotVersion: version,
  };
}
