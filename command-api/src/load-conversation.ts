import {
  type CommandResult,
  type CommandType,
  type ConversationType,
  conversationSubject,
  decodeCommit,
  isKnown,
  type LogEvent,
  type Role,
} from '@parley/contracts';
import {
  type CommitRecord,
  type EventLog,
  type Logger,
  ProblemError,
  type SnapshotStore,
} from '@parley/runtime';
import { Map as ImmutableMap, OrderedSet } from 'immutable';
import { type CommandRecord, CommandWindow } from './domain/command-window.ts';
import {
  type ConversationState,
  evolveConversation,
  initialConversation,
  resultOf,
} from './domain/conversation.ts';

/** A conversation folded up to a commit. `window` is advanced in place, the rest is replaced. */
export interface LoadedConversation {
  state: ConversationState;
  version: number;
  /** Sequence of the last commit folded: what the next append expects. */
  sequence: number;
  /** Time of the last event, milliseconds: event times of one conversation never go back. */
  lastAt: number;
  window: CommandWindow;
  /** Version of the newest snapshot known to this process. */
  snapshotVersion: number;
}

/** The version chain is broken: an event is missing, doubled or from elsewhere. Nothing may be appended on top. */
class BrokenHistory extends Error {
  override name = 'BrokenHistory';
}

/** From the snapshot when there is a usable one, then the tail of the log. Reads may be late; append is what checks. */
export async function loadConversation(source: {
  log: EventLog;
  snapshots: SnapshotStore;
  logger: Logger;
  conversationId: string;
}): Promise<LoadedConversation> {
  const { log, conversationId } = source;
  const loaded = (await readSnapshot(source)) ?? emptyConversation();
  await foldTail(log, conversationId, loaded);
  return loaded;
}

/** A snapshot is disposable: one that cannot be had or read costs time and nothing else. */
async function readSnapshot({
  log,
  snapshots,
  logger,
  conversationId,
}: Parameters<typeof loadConversation>[0]): Promise<LoadedConversation | null> {
  try {
    const bytes = await snapshots.get(conversationSubject(conversationId));
    return bytes && decodeSnapshot(bytes, log.epoch);
  } catch (error) {
    logger.warn(
      { err: error, conversationId },
      'snapshot not usable; the whole log of the conversation is read',
    );
    return null;
  }
}

function emptyConversation(): LoadedConversation {
  const window = new CommandWindow();
  return { state: initialConversation, version: 0, sequence: 0, lastAt: 0, window, snapshotVersion: 0 };
}

export async function foldTail(
  log: EventLog,
  conversationId: string,
  loaded: LoadedConversation,
): Promise<void> {
  for await (const page of log.read(conversationSubject(conversationId), loaded.sequence)) {
    for (const record of page) foldCommit(conversationId, loaded, record);
  }
}

function foldCommit(conversationId: string, loaded: LoadedConversation, record: CommitRecord): void {
  const events: LogEvent[] = [];
  for (const event of decodeCommit(record.payload)) {
    if (!isKnown(event)) throw tooNew();
    events.push(event);
    if (event.version !== loaded.version + 1) {
      throw new BrokenHistory(
        `conversation ${conversationId}: version ${event.version} after ${loaded.version} at sequence ${record.sequence}`,
      );
    }
    loaded.state = evolveConversation(loaded.state, event);
    loaded.version = event.version;
    loaded.lastAt = Math.max(loaded.lastAt, Date.parse(event.time));
  }
  loaded.sequence = record.sequence;
  for (const made of commandRecords(conversationId, events, record.sequence)) loaded.window.add(made);
}

/** Written by a newer build. What it means for the next command is not known here, so nothing may be decided on top. */
function tooNew(): ProblemError {
  const detail = 'The conversation holds events that this server does not know yet.';
  return new ProblemError('unavailable', { detail, retryAfterMs: 5_000 });
}

/** One record for each command that wrote into a commit. */
export function commandRecords(
  conversationId: string,
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
    result: resultOf(conversationId, made) as CommandResult<CommandType>,
    at: Date.parse(made[0]?.time ?? ''),
  }));
}

/** Bumped when the shape or meaning of a snapshot changes: an older one is then ignored. */
const SNAPSHOT_FORMAT = 2;

interface Snapshot {
  format: number;
  epoch: string;
  sequence: number;
  version: number;
  lastAt: number;
  type: ConversationType | null;
  roles: [string, Role][];
  messageCount: number;
  deletedOrdinals: number[];
  window: ReturnType<CommandWindow['newest']>;
}

export function encodeSnapshot(loaded: LoadedConversation, epoch: string): Uint8Array {
  const { state, version, sequence, lastAt, window } = loaded;
  const snapshot: Snapshot = {
    format: SNAPSHOT_FORMAT,
    epoch,
    sequence,
    version,
    lastAt,
    type: state.type,
    roles: [...state.roles],
    messageCount: state.messageCount,
    deletedOrdinals: [...state.deletedOrdinals],
    window: window.newest(),
  };
  return Buffer.from(JSON.stringify(snapshot));
}

export function decodeSnapshot(bytes: Uint8Array, epoch: string): LoadedConversation | null {
  const snapshot = JSON.parse(Buffer.from(bytes).toString()) as Snapshot;
  if (snapshot.format !== SNAPSHOT_FORMAT || snapshot.epoch !== epoch) return null;
  const { sequence, version, lastAt, type, roles, messageCount, deletedOrdinals, window } = snapshot;
  return {
    state: {
      type,
      roles: ImmutableMap(roles),
      owners: roles.filter(([, role]) => role === 'owner').length,
      messageCount,
      deletedOrdinals: OrderedSet(deletedOrdinals),
    },
    version,
    sequence,
    lastAt,
    window: new CommandWindow(window.records, window.forgotten),
    snapshotVersion: version,
  };
}
