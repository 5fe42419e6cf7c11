import { MAX_EVENTS_PER_COMMIT } from '@parley/contracts';
import { type EventLog, type Logger, ProblemError, type SnapshotStore } from '@parley/runtime';
import { type Answer, answerTo } from './answer.ts';
import { CommitDraft } from './commit-draft.ts';
import type { Aggregate } from './domain/aggregate.ts';
import { type Candidate, type CommitPlan, planCommit } from './domain/plan-commit.ts';
import { endOfTurn } from './end-of-turn.ts';
import { catchUp, commandRecords, type Loaded, loadAggregate } from './load-aggregate.ts';
import type { Lookups } from './lookups.ts';
import type { CommandMetrics } from './metrics.ts';
import { openQuestion, type Waiting } from './open-question.ts';
import { SnapshotWriter } from './snapshot-writer.ts';

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
/** Of an empty aggregate, in the unit of `weight`. */
const BASE_WEIGHT = 8;

interface Reading<State> {
  read(state: State): void;
  fail(error: unknown): void;
}

/**
 * Group commit for one aggregate. While an append is in flight, commands wait; then all that wait are decided one
 * after another against the newest state and stored as one commit. So a busy aggregate is bound by commits, not by
 * commands, and every answer — refusals and no-ops too — rests on a state that the log itself has confirmed: by
 * accepting the append, or by naming its newest sequence.
 */
export class AggregateWriter<State> {
  readonly #aggregate: Aggregate<State>;
  readonly #context: WriterContext;
  #loaded: Loaded<State> | null = null;
  #waiting: Waiting[] = [];
  #readings: Reading<State>[] = [];
  /** By request: commands that wait for a lookup, and those that came after them in the same request. */
  readonly #aside = new Map<string, Waiting[]>();
  #running = false;
  readonly #snapshots: SnapshotWriter<State>;

  constructor(aggregate: Aggregate<State>, context: WriterContext) {
    this.#aggregate = aggregate;
    this.#context = context;
    this.#snapshots = new SnapshotWriter(aggregate, context);
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
      const nothingAsked = { keyNewThrough: 0, messagesMissingThrough: 0 };
      this.#waiting.push({ ...candidate, ...nothingAsked, since, settle, fail });
      if (!this.#running) void this.#run();
    });
  }

  /**
   * What a state says that the log's leader has confirmed after this call. All who ask while another confirmation or
   * commit is in flight share the next one. Rejects when the log is away, or too many wait for it.
   */
  confirmed<T>(view: (state: State) => T): Promise<T> {
    if (this.#readings.length >= MOST_WAITING) {
      return Promise.reject(new ProblemError('overloaded', { retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, fail) => {
      this.#readings.push({ read: (state) => resolve(view(state)), fail });
      if (!this.#running) void this.#run();
    });
  }

  /** Members and remembered commands: what the memory of this writer grows with. */
  weight(): number {
    if (!this.#loaded) return BASE_WEIGHT;
    const { state, window } = this.#loaded;
    return BASE_WEIGHT + this.#aggregate.weight(state) + window.weight;
  }

  #held(): number {
    let held = this.#waiting.length;
    for (const aside of this.#aside.values()) held += aside.length;
    return held;
  }

  async #run(): Promise<void> {
    this.#running = true;
    await endOfTurn();
    while (this.#waiting.length > 0 || this.#readings.length > 0) {
      let batch: Waiting[] = [];
      let readings: Reading<State>[] = [];
      try {
        this.#loaded ??= await this.#load();
        readings = this.#readings.splice(0);
        if (readings.length > 0) await this.#read(this.#loaded, readings);
        batch = this.#take(this.#loaded);
        if (batch.length > 0) await this.#commit(this.#loaded, batch);
      } catch (error) {
        // The outcome is unknown: nothing believed about this aggregate may be built upon. Who came later would wait
        // as long for the same failure, and has nothing in flight.
        this.#loaded = null;
        const failing = [...batch, ...this.#waiting.splice(0), ...readings, ...this.#readings.splice(0)];
        for (const { fail } of failing) fail(error);
      }
    }
    this.#running = false;
  }

  #load(): Promise<Loaded<State>> {
    const { log, snapshots, logger } = this.#context;
    return loadAggregate({ log, snapshots, logger }, this.#aggregate);
  }

  async #read(loaded: Loaded<State>, readings: readonly Reading<State>[]): Promise<void> {
    await catchUp(this.#context.log, this.#aggregate, loaded);
    for (const { read } of readings) read(loaded.state);
  }

  /** The commands of the next commit. Those that need a lookup first are set aside and come back when it is done. */
  #take(loaded: Loaded<State>): Waiting[] {
    const known = { aggregate: this.#aggregate, state: loaded.state, window: loaded.window };
    const ready: Waiting[] = [];
    const sending = new Set<string>();
    const asking: string[] = [];
    for (const waiting of this.#waiting.splice(0, MAX_EVENTS_PER_COMMIT)) {
      const { command, correlationId } = waiting;
      const before = this.#aside.get(correlationId);
      if (before) before.push(waiting);
      else if (openQuestion(waiting, known, sending)) {
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

  async #ask(requests: string[], loaded: Loaded<State>): Promise<void> {
    const held = (request: string): Waiting[] => this.#aside.get(request) ?? [];
    const asked = { ...loaded, aggregate: this.#aggregate };
    const given = await this.#context.lookups.close(requests.flatMap(held), asked);
    const back = requests.flatMap(held).filter((waiting) => !given.has(waiting));
    for (const request of requests) this.#aside.delete(request);
    this.#waiting.unshift(...back);
    if (!this.#running) void this.#run();
  }

  async #commit(loaded: Loaded<State>, batch: Waiting[]): Promise<void> {
    const at = batch.reduce(
      (latest, { command }) => Math.max(latest, command.at),
      Math.max(this.#context.now(), loaded.lastAt),
    );
    const draft = new CommitDraft(this.#aggregate.eventSubject, at);
    const plan = planCommit({
      aggregate: this.#aggregate,
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

  async #append(
    loaded: Loaded<State>,
    plan: CommitPlan<State>,
    payload: Buffer,
    at: number,
  ): Promise<boolean> {
    const { log, metrics } = this.#context;
    const stopTimer = metrics.appendSeconds.startTimer();
    const outcome = await log.append({
      subject: this.#aggregate.subject,
      commitId: plan.events[0]?.id ?? '',
      payload,
      expectedLastSequence: loaded.sequence,
    });
    stopTimer();
    if (outcome.kind === 'conflict') {
      await catchUp(this.#context.log, this.#aggregate, loaded);
      return false;
    }
    loaded.state = this.#aggregate.stored(plan.state, plan.events, outcome.sequence);
    loaded.version = plan.version;
    loaded.sequence = outcome.sequence;
    loaded.lastAt = at;
    const records = commandRecords(this.#aggregate, plan.events, outcome.sequence);
    for (const record of records) loaded.window.add(record);
    metrics.commandsPerCommit.observe(records.length);
    this.#snapshots.offer(loaded);
    return true;
  }

  /** Nothing to append: is the state that the refusals and no-ops rest on the newest? A replay needs no such proof. */
  async #confirm(loaded: Loaded<State>, plan: CommitPlan<State>): Promise<boolean> {
    if (plan.verdicts.every(({ kind }) => kind === 'replay' || kind === 'key-reused')) return true;
    return catchUp(this.#context.log, this.#aggregate, loaded);
  }

  #again(batch: Waiting[]): void {
    const tooLate = this.#context.now() - CONTENTION_AFTER_MS;
    for (const waiting of batch) {
      if (waiting.since >= tooLate) continue;
      waiting.settle({ kind: 'rejected', code: 'contention', extras: { retryAfterMs: 500 } });
    }
    this.#waiting.unshift(...batch.filter(({ since }) => since >= tooLate));
  }
}
