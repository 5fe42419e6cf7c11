import { conversationSubject, MAX_EVENTS_PER_COMMIT } from '@parley/contracts';
import { type EventLog, type Logger, LogUnavailable, type SnapshotStore } from '@parley/runtime';
import { type Answer, answerTo } from './answer.ts';
import { CommitDraft } from './commit-draft.ts';
import { type Candidate, type CommitPlan, planCommit } from './domain/plan-commit.ts';
import { endOfTurn } from './end-of-turn.ts';
import {
  commandRecords,
  encodeSnapshot,
  foldTail,
  type LoadedConversation,
  loadConversation,
} from './load-conversation.ts';
import type { Lookups } from './lookups.ts';
import type { CommandMetrics } from './metrics.ts';
import { openQuestion, type Waiting } from './open-question.ts';

export interface WriterContext {
  log: EventLog;
  snapshots: SnapshotStore;
  lookups: Lookups;
  metrics: CommandMetrics;
  logger: Logger;
  now(): number;
}

const MOST_WAITING = 10_000;
const CONTENTION_AFTER_MS = 15_000;
const SNAPSHOT_EVERY_VERSIONS = 500;
/** A hot conversation passes 500 versions many times a second; a snapshot of it costs milliseconds. */
const SNAPSHOT_EVERY_MS = 5_000;
const CATCH_UP_ATTEMPTS = 50;
const CATCH_UP_PAUSE_MS = 20;
/** Of an empty conversation, in the unit of `weight`. */
const BASE_WEIGHT = 8;

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
  /** By request: commands that wait for a lookup, and those that came after them in the same request. */
  readonly #aside = new Map<string, Waiting[]>();
  #running = false;
  #snapshotAt = 0;

  constructor(conversationId: string, context: WriterContext) {
    this.#conversationId = conversationId;
    this.#subject = conversationSubject(conversationId);
    this.#context = context;
  }

  /**
   * Commands of one request (one correlation id) take effect in the order of submission, commands of different requests
   * in any. Rejects only when the log is away or broken; everything a client did wrong is an answer.
   */
  submit(candidate: Candidate): Promise<Answer> {
    if (this.#held() >= MOST_WAITING) {
      return Promise.resolve({ kind: 'rejected', code: 'overloaded', extras: { retryAfterMs: 1_000 } });
    }
    return new Promise((settle, fail) => {
      const since = this.#context.now();
      this.#waiting.push({ ...candidate, since, keyNewThrough: 0, messageMissingThrough: 0, settle, fail });
      if (!this.#running) void this.#run();
    });
  }

  /** Members and remembered commands: what the memory of this writer grows with. */
  weight(): number {
    return BASE_WEIGHT + (this.#loaded ? this.#loaded.state.roles.size + this.#loaded.window.weight : 0);
  }

  #held(): number {
    let held = this.#waiting.length;
    for (const aside of this.#aside.values()) held += aside.length;
    return held;
  }

  async #run(): Promise<void> {
    this.#running = true;
    await endOfTurn();
    while (this.#waiting.length > 0) {
      let batch: Waiting[] = [];
      try {
        this.#loaded ??= await this.#load();
        batch = this.#take(this.#loaded);
        if (batch.length > 0) await this.#commit(this.#loaded, batch);
      } catch (error) {
        // The outcome is unknown: nothing believed about this conversation may be built upon. Who came later would wait
        // as long for the same failure, and has nothing in flight.
        this.#loaded = null;
        for (const waiting of [...batch, ...this.#waiting.splice(0)]) waiting.fail(error);
      }
    }
    this.#running = false;
  }

  #load(): Promise<LoadedConversation> {
    const { log, snapshots, logger } = this.#context;
    return loadConversation({ log, snapshots, logger, conversationId: this.#conversationId });
  }

  /** The commands of the next commit. Those that need a lookup first are set aside and come back when it is done. */
  #take(loaded: LoadedConversation): Waiting[] {
    const ready: Waiting[] = [];
    const sending = new Set<string>();
    const asking: string[] = [];
    for (const waiting of this.#waiting.splice(0, MAX_EVENTS_PER_COMMIT)) {
      const { command, correlationId } = waiting;
      const before = this.#aside.get(correlationId);
      if (before) before.push(waiting);
      else if (openQuestion(waiting, loaded.window, sending)) {
        this.#aside.set(correlationId, [waiting]);
        asking.push(correlationId);
      } else {
        ready.push(waiting);
        // A replay sends nothing: an edit of it has to look where it was stored.
        if (command.type === 'message.send' && !waiting.old) sending.add(command.id);
      }
    }
    if (asking.length > 0) void this.#ask(asking, loaded);
    return ready;
  }

  async #ask(requests: string[], loaded: LoadedConversation): Promise<void> {
    const held = (request: string): Waiting[] => this.#aside.get(request) ?? [];
    const given = await this.#context.lookups.close(this.#conversationId, requests.flatMap(held), loaded);
    const back = requests.flatMap(held).filter((waiting) => !given.has(waiting));
    for (const request of requests) this.#aside.delete(request);
    this.#waiting.unshift(...back);
    if (!this.#running) void this.#run();
  }

  async #commit(loaded: LoadedConversation, batch: Waiting[]): Promise<void> {
    const at = batch.reduce(
      (latest, { command }) => Math.max(latest, command.at),
      Math.max(this.#context.now(), loaded.lastAt),
    );
    const draft = new CommitDraft(this.#conversationId, at);
    const plan = planCommit({
      state: loaded.state,
      version: loaded.version,
      candidates: batch,
      known: (id) => loaded.window.get(id),
      envelop: (event, version, candidate) => draft.envelop(event, version, candidate),
      fits: (events, isFirst) => draft.take(events, isFirst),
    });
    this.#waiting.unshift(...batch.splice(plan.verdicts.length));
    const confirmed =
      plan.events.length > 0
        ? await this.#append(loaded, plan, draft.payload(), at)
        : await this.#confirm(loaded, plan);
    if (!confirmed) this.#again(batch);
    else
      for (const [i, verdict] of plan.verdicts.entries())
        batch[i]?.settle(answerTo(verdict, plan, loaded.sequence));
  }

  async #append(loaded: LoadedConversation, plan: CommitPlan, payload: Buffer, at: number): Promise<boolean> {
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
      await this.#catchUp(loaded);
      return false;
    }
    loaded.state = plan.state;
    loaded.version = plan.version;
    loaded.sequence = outcome.sequence;
    loaded.lastAt = at;
    const records = commandRecords(this.#conversationId, plan.events, outcome.sequence);
    for (const record of records) loaded.window.add(record);
    metrics.commandsPerCommit.observe(records.length);
    this.#snapshotNowAndThen(loaded);
    return true;
  }

  /** Nothing to append: is the state that the refusals and no-ops rest on the newest? A replay needs no such proof. */
  async #confirm(loaded: LoadedConversation, plan: CommitPlan): Promise<boolean> {
    if (plan.verdicts.every(({ kind }) => kind === 'replay' || kind === 'key-reused')) return true;
    return this.#catchUp(loaded);
  }

  /** Resolves to whether the state was the newest before; now it is. Replicas answer reads late, the leader does not. */
  async #catchUp(loaded: LoadedConversation): Promise<boolean> {
    const { log } = this.#context;
    const last = await log.lastSequence(this.#subject);
    if (last === loaded.sequence) return true;
    if (last < loaded.sequence) throw new LogUnavailable('the log lost commits of this conversation');
    for (let attempt = 0; loaded.sequence < last; attempt++) {
      if (attempt === CATCH_UP_ATTEMPTS) throw new LogUnavailable('a replica of the log is far behind');
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, CATCH_UP_PAUSE_MS));
      await foldTail(log, this.#conversationId, loaded);
    }
    return false;
  }

  #again(batch: Waiting[]): void {
    const tooLate = this.#context.now() - CONTENTION_AFTER_MS;
    for (const waiting of batch) {
      if (waiting.since >= tooLate) continue;
      waiting.settle({ kind: 'rejected', code: 'contention', extras: { retryAfterMs: 500 } });
    }
    this.#waiting.unshift(...batch.filter(({ since }) => since >= tooLate));
  }

  #snapshotNowAndThen(loaded: LoadedConversation): void {
    const now = this.#context.now();
    if (loaded.version - loaded.snapshotVersion < SNAPSHOT_EVERY_VERSIONS) return;
    if (now - this.#snapshotAt < SNAPSHOT_EVERY_MS) return;
    loaded.snapshotVersion = loaded.version;
    this.#snapshotAt = now;
    const { snapshots, log, logger } = this.#context;
    snapshots.put(this.#subject, encodeSnapshot(loaded, log.epoch)).catch((error: unknown) => {
      const { version } = loaded;
      logger.warn(
        { err: error, subject: this.#subject, version },
        'snapshot not written; loading takes longer',
      );
    });
  }
}
