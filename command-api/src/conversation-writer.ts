import {
  type Command,
  conversationSubject,
  dataschemaOf,
  type ErrorCode,
  type LogEvent,
  MAX_COMMIT_BYTES,
  MAX_EVENTS_PER_COMMIT,
  type ProblemExtras,
} from '@parley/contracts';
import { type EventLog, type Logger, LogUnavailable, type SnapshotStore } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import type { MessageFact } from './domain/conversation.ts';
import type { NewEvent } from './domain/decider.ts';
import { type Candidate, type CommitPlan, planCommit, type Verdict } from './domain/plan-commit.ts';
import {
  commandRecords,
  encodeSnapshot,
  foldTail,
  type LoadedConversation,
  loadConversation,
} from './load-conversation.ts';
import type { CommandMetrics } from './metrics.ts';
import type { OldCommands } from './old-commands.ts';

export type Answer =
  | { kind: 'accepted'; sequence: number; version: number; result: unknown; replayed: boolean }
  | { kind: 'rejected'; code: ErrorCode; extras: ProblemExtras };

export interface WriterContext {
  log: EventLog;
  snapshots: SnapshotStore;
  oldCommands: OldCommands;
  metrics: CommandMetrics;
  logger: Logger;
  now(): number;
}

interface Waiting extends Candidate {
  since: number;
  /** Asks again what an edit or delete is about, once newer commits are known. */
  findFact?: () => Promise<MessageFact>;
  /** Read model asked about this key when the window had forgotten this much. */
  askedThrough: number;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

const MOST_WAITING = 10_000;
const CONTENTION_AFTER_MS = 15_000;
const SNAPSHOT_EVERY_VERSIONS = 500;
/** A hot conversation passes 500 versions many times a second; a snapshot of it costs milliseconds. */
const SNAPSHOT_EVERY_MS = 5_000;
const CATCH_UP_ATTEMPTS = 20;

/**
 * Group commit for one conversation. While an append is in flight, commands wait; then all that wait are decided one
 * after another against the newest state and stored as one commit. So a busy conversation is bound by commits, not by
 * commands, and every answer — refusals and no-ops too — rests on a state that the log itself has confirmed: by
 * accepting the append, or by naming its newest sequence.
 */
export class ConversationWriter {
  readonly #conversationId: string;
  readonly #subject: string;
  readonly #context: WriterContext;
  #loaded: LoadedConversation | null = null;
  #waiting: Waiting[] = [];
  #running = false;
  #snapshotVersion = 0;
  #snapshotAt = 0;

  constructor(conversationId: string, context: WriterContext) {
    this.#conversationId = conversationId;
    this.#subject = conversationSubject(conversationId);
    this.#context = context;
  }

  /** Rejects only when the log is away or broken; everything a client did wrong is an answer. */
  submit(candidate: Candidate & { findFact?: () => Promise<MessageFact> }): Promise<Answer> {
    if (this.#waiting.length >= MOST_WAITING) {
      return Promise.resolve({ kind: 'rejected', code: 'overloaded', extras: { retryAfterMs: 1_000 } });
    }
    return new Promise((settle, fail) => {
      this.#waiting.push({ ...candidate, since: this.#context.now(), askedThrough: -1, settle, fail });
      if (!this.#running) void this.#run();
    });
  }

  /** Where a recent command of this conversation was stored, as far as this process knows. */
  async recall(commandId: string): Promise<{ sequence: number | undefined; forgottenThrough: number }> {
    this.#loaded ??= await this.#load();
    const { window } = this.#loaded;
    return { sequence: window.get(commandId)?.sequence, forgottenThrough: window.forgottenThrough };
  }

  /** Rough size for the cache that holds the writers. */
  weight(): number {
    return 1 + (this.#loaded ? this.#loaded.state.roles.size + this.#loaded.window.size : 0);
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Commands of one turn of the event loop belong together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      let batch = this.#waiting.splice(0, MAX_EVENTS_PER_COMMIT);
      try {
        this.#loaded ??= await this.#load();
        batch = this.#withoutDoubts(this.#loaded, batch);
        const { plan, payload } = this.#plan(this.#loaded, batch);
        this.#waiting.unshift(...batch.splice(plan.verdicts.length));
        await this.#commit(this.#loaded, batch, plan, payload);
      } catch (error) {
        // The outcome is unknown: nothing believed about this conversation may be built upon.
        this.#loaded = null;
        for (const waiting of batch) waiting.fail(error);
      }
    }
    this.#running = false;
  }

  #load(): Promise<LoadedConversation> {
    return loadConversation(this.#context.log, this.#context.snapshots, this.#conversationId);
  }

  /** Sets aside keys old enough to have been forgotten; they come back once the read model was asked. */
  #withoutDoubts(loaded: LoadedConversation, batch: Waiting[]): Waiting[] {
    const { window } = loaded;
    const doubtful = batch.filter(
      ({ command, old, askedThrough }) =>
        !old &&
        askedThrough < window.forgottenThrough &&
        !window.get(command.id) &&
        window.mayHaveForgotten(command.id),
    );
    if (doubtful.length === 0) return batch;
    void this.#ask(doubtful, window.forgottenThrough);
    return batch.filter((waiting) => !doubtful.includes(waiting));
  }

  async #ask(doubtful: Waiting[], through: number): Promise<void> {
    const ids = doubtful.map(({ command }) => command.id);
    const found = await this.#context.oldCommands.find(this.#conversationId, ids, through);
    if (found === 'unavailable') {
      const extras = { detail: 'This key is old and the read model cannot tell yet.', retryAfterMs: 1_000 };
      for (const waiting of doubtful) waiting.settle({ kind: 'rejected', code: 'unavailable', extras });
      return;
    }
    for (const waiting of doubtful) {
      waiting.askedThrough = through;
      const old = found.get(waiting.command.id);
      if (old) waiting.old = old;
    }
    this.#again(doubtful);
  }

  #again(batch: Waiting[]): void {
    this.#waiting.unshift(...batch);
    if (!this.#running) void this.#run();
  }

  async #commit(
    loaded: LoadedConversation,
    decided: Waiting[],
    plan: CommitPlan,
    payload: Buffer,
  ): Promise<void> {
    if (decided.length === 0) return;
    const confirmed =
      plan.events.length > 0 ? await this.#append(loaded, plan, payload) : await this.#confirm(loaded, plan);
    if (confirmed) this.#answer(loaded, plan.verdicts, decided);
    else await this.#retry(decided);
  }

  /** Events are encoded while planning, once, because the commit's size decides how many commands it takes. */
  #plan(loaded: LoadedConversation, batch: Waiting[]): { plan: CommitPlan; payload: Buffer } {
    const at = Math.max(this.#context.now(), loaded.lastAt);
    const envelope = { subject: `conversation/${this.#conversationId}`, time: new Date(at).toISOString() };
    const texts: string[] = [];
    let bytes = 0;
    const plan = planCommit({
      state: loaded.state,
      version: loaded.version,
      candidates: batch,
      known: (id) => loaded.window.get(id),
      envelop: (event, version, candidate) => envelop(event, version, candidate, envelope),
      fits: (events, isFirst) => {
        const encoded = events.map((event) => JSON.stringify(event));
        const total = encoded.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, bytes);
        const full = total > MAX_COMMIT_BYTES || texts.length + encoded.length > MAX_EVENTS_PER_COMMIT;
        if (full && !isFirst) return false;
        texts.push(...encoded);
        bytes = total;
        return true;
      },
    });
    return { plan, payload: Buffer.from(`[${texts.join(',')}]`) };
  }

  async #append(loaded: LoadedConversation, plan: CommitPlan, payload: Buffer): Promise<boolean> {
    const { log, metrics } = this.#context;
    const stopTimer = metrics.appendSeconds.startTimer();
    const outcome = await log.append({
      subject: this.#subject,
      commitId: plan.events[0]?.id ?? '',
      payload,
      expectedLastSequence: loaded.sequence,
    });
    stopTimer();
    if (outcome.kind === 'conflict') {
      await foldTail(log, this.#conversationId, loaded);
      return false;
    }
    loaded.state = plan.state;
    loaded.version = plan.version;
    loaded.sequence = outcome.sequence;
    loaded.lastAt = Date.parse(plan.events[0]?.time ?? '');
    const records = commandRecords(this.#conversationId, plan.events, outcome.sequence);
    for (const record of records) loaded.window.add(record);
    metrics.commandsPerCommit.observe(records.length);
    this.#snapshotNowAndThen(loaded);
    return true;
  }

  /** Nothing to append: is the state that the refusals and no-ops rest on the newest? A replay needs no such proof. */
  async #confirm(loaded: LoadedConversation, plan: CommitPlan): Promise<boolean> {
    if (plan.verdicts.every(({ kind }) => kind === 'replay' || kind === 'key-reused')) return true;
    const last = await this.#context.log.lastSequence(this.#subject);
    if (last === loaded.sequence) return true;
    if (last < loaded.sequence) throw new LogUnavailable('the log lost commits of this conversation');
    for (let attempt = 0; loaded.sequence < last; attempt++) {
      if (attempt === CATCH_UP_ATTEMPTS) throw new LogUnavailable('a replica of the log is far behind');
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      await foldTail(this.#context.log, this.#conversationId, loaded);
    }
    return false;
  }

  async #retry(decided: Waiting[]): Promise<void> {
    const tooLate = this.#context.now() - CONTENTION_AFTER_MS;
    const extras = { retryAfterMs: 500 };
    for (const waiting of decided) {
      if (waiting.since < tooLate) waiting.settle({ kind: 'rejected', code: 'contention', extras });
      else if (waiting.fact === 'unknown' && waiting.findFact) waiting.fact = await waiting.findFact();
    }
    this.#waiting.unshift(...decided.filter((waiting) => waiting.since >= tooLate));
  }

  #answer(loaded: LoadedConversation, verdicts: Verdict[], decided: Waiting[]): void {
    for (const [index, verdict] of verdicts.entries()) {
      decided[index]?.settle(this.#answerTo(loaded, verdict, verdicts));
    }
  }

  #answerTo(loaded: LoadedConversation, verdict: Verdict, verdicts: Verdict[]): Answer {
    switch (verdict.kind) {
      case 'accepted': {
        const { version, result } = verdict;
        return { kind: 'accepted', sequence: loaded.sequence, version, result, replayed: false };
      }
      case 'replay': {
        const { sequence, version, result } = verdict.record;
        return { kind: 'accepted', sequence, version, result, replayed: true };
      }
      case 'twin': {
        const original = verdicts[verdict.of];
        const answer = original && this.#answerTo(loaded, original, verdicts);
        return answer?.kind === 'accepted' ? { ...answer, replayed: true } : reuse;
      }
      case 'key-reused':
        return reuse;
      case 'rejected':
        return { kind: 'rejected', code: verdict.decision.code, extras: verdict.decision.extras ?? {} };
    }
  }

  #snapshotNowAndThen(loaded: LoadedConversation): void {
    const now = this.#context.now();
    if (loaded.version - this.#snapshotVersion < SNAPSHOT_EVERY_VERSIONS) return;
    if (now - this.#snapshotAt < SNAPSHOT_EVERY_MS) return;
    this.#snapshotVersion = loaded.version;
    this.#snapshotAt = now;
    const { snapshots, log, logger } = this.#context;
    snapshots.put(this.#subject, encodeSnapshot(loaded, log.epoch)).catch((error: unknown) => {
      logger.warn(
        { err: error, conversationId: this.#conversationId },
        'snapshot not written; loading takes longer',
      );
    });
  }
}

const reuse: Answer = { kind: 'rejected', code: 'idempotency-conflict', extras: {} };

function envelop(
  event: NewEvent,
  version: number,
  { command, hash, correlationId }: { command: Command; hash: string; correlationId: string },
  { subject, time }: { subject: string; time: string },
): LogEvent {
  return {
    specversion: '1.0',
    id: uuidv7(),
    source: '/parley',
    type: event.type,
    subject,
    time,
    dataschema: dataschemaOf(event.type),
    version,
    actor: command.actor,
    commandid: command.id,
    commandhash: hash,
    correlationid: correlationId,
    data: event.data,
  } as LogEvent;
}
