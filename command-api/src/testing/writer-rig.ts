import {
  type Command,
  type CommandInput,
  type CommandType,
  commandSchemas,
  conversationSubject,
  decodeCommit,
  isKnown,
  type LogEvent,
} from '@parley/contracts';
import {
  type AppendOutcome,
  type AppendRequest,
  createLogger,
  createPool,
  type EventLog,
  LogUnavailable,
  Metrics,
  type SnapshotStore,
} from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { CursorAdvance } from '../advance-cursor.ts';
import type { Accepted, Answer } from '../answer.ts';
import { CursorWriter } from '../cursor-writer.ts';
import { CommandExecutor } from '../execute-command.ts';
import { declareCommandMetrics } from '../metrics.ts';
import { ReadModelLookup } from '../read-model-lookup.ts';
import { requestHash } from '../request-hash.ts';
import { createWriters, type Writers } from '../writers.ts';

export const logger = createLogger({ name: 'test', level: 'silent' });
/** Nobody listens there: Postgres is away. */
const NOWHERE = 'postgres://parley@127.0.0.1:1/parley';

export interface ProcessOptions {
  databaseUrl?: string;
  now?: () => number;
  idleWeight?: number;
}

/** What one process is connected to. */
export interface Place {
  log: EventLog;
  snapshots: SnapshotStore;
}

export function accepted(answer: Answer): Accepted {
  if (answer.kind !== 'accepted') throw new Error(`refused: ${answer.code}`);
  return answer;
}

/** The code of a refusal, or `accepted`. */
export const refusal = (answer: Answer): string => (answer.kind === 'rejected' ? answer.code : 'accepted');

interface DoOptions {
  key?: string;
  request?: string;
  segments?: string[];
}

/** The write side of one command-api process, without HTTP: its own caches, on a log that others write to as well. */
export class WriterProcess {
  readonly log: EventLog;
  readonly writers: Writers;
  readonly #executor: CommandExecutor;
  readonly #now: () => number;
  readonly #close: () => Promise<void>;

  constructor(log: EventLog, snapshots: SnapshotStore, options: ProcessOptions = {}) {
    const pool = createPool({ url: options.databaseUrl ?? NOWHERE, name: 'test', logger });
    const lookup = new ReadModelLookup(pool, log.epoch);
    const metrics = declareCommandMetrics(new Metrics('test'));
    this.log = log;
    this.#now = options.now ?? Date.now;
    const context = { log, snapshots, metrics, logger, now: this.#now };
    this.writers = createWriters(context, lookup, options.idleWeight);
    const cursors = new CursorAdvance(new CursorWriter(log, metrics, this.#now), lookup);
    this.#executor = new CommandExecutor(this.writers, cursors);
    this.#close = () => pool.end();
  }

  close(): Promise<void> {
    return this.#close();
  }

  do<T extends CommandType>(
    type: T,
    actor: string,
    data: CommandInput<T>,
    { key = uuidv7(), request = uuidv7(), segments = [] }: DoOptions = {},
  ): Promise<Answer> {
    const parsed = commandSchemas[type].data.parse(data);
    const command = { type, id: key, actor, segments, at: this.#now(), data: parsed } as Command;
    const hash = requestHash(type, actor, data);
    return this.#executor.execute({ command, hash, correlationId: request });
  }

  /** A new group of anna's. */
  async group(...others: string[]): Promise<string> {
    const conversationId = uuidv7();
    const members = others.map((userId) => ({ userId }));
    const answer = await this.do('conversation.create', 'anna', { type: 'group', conversationId, members });
    if (answer.kind !== 'accepted') throw new Error(`not created: ${answer.code}`);
    return conversationId;
  }

  send(conversationId: string, actor: string, body: string, key?: string): Promise<Answer> {
    return this.do('message.send', actor, { conversationId, body }, key ? { key } : {});
  }
}

export interface StoredCommit {
  sequence: number;
  events: LogEvent[];
}

/** What the log holds of a conversation, every event checked against its schema. */
export function commitsOf(log: EventLog, conversationId: string): Promise<StoredCommit[]> {
  return commitsOn(log, conversationSubject(conversationId));
}

/** The same of any subject. A replica answers reads late, so it reads on until it has what the leader says is the last. */
export async function commitsOn(log: EventLog, subject: string): Promise<StoredCommit[]> {
  const last = await log.lastSequence(subject);
  const commits: StoredCommit[] = [];
  for (let at = 0; at < last; at = commits.at(-1)?.sequence ?? 0) {
    for await (const page of log.read(subject, at)) {
      for (const { sequence, payload } of page) {
        commits.push({ sequence, events: decodeCommit(payload, { check: true }).filter(isKnown) });
      }
    }
  }
  return commits;
}

/** A log whose answers get lost: the commit is stored or not, the writer hears nothing. */
export class DeafLog implements EventLog {
  readonly epoch: string;
  readonly #log: EventLog;
  readonly #fate: () => 'answer' | 'lose the answer' | 'lose the request';

  constructor(log: EventLog, fate: () => 'answer' | 'lose the answer' | 'lose the request') {
    this.epoch = log.epoch;
    this.#log = log;
    this.#fate = fate;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const fate = this.#fate();
    if (fate === 'lose the request') throw new LogUnavailable('lost on the way');
    const outcome = await this.#log.append(request);
    if (fate === 'lose the answer') throw new LogUnavailable('lost on the way back');
    return outcome;
  }

  lastSequence(subject: string) {
    return this.#log.lastSequence(subject);
  }

  read(subject: string, afterSequence: number) {
    return this.#log.read(subject, afterSequence);
  }

  at(sequence: number) {
    return this.#log.at(sequence);
  }

  bounds() {
    return this.#log.bounds();
  }

  subscribe(options: Parameters<EventLog['subscribe']>[0]) {
    return this.#log.subscribe(options);
  }
}
