import type { CommandType } from '@parley/contracts';
import { build, type Histogram } from 'hdr-histogram-js';
import type { StepAnswer } from './command-sender.ts';
import type { Step } from './script.ts';

const SLOWEST_US = 600_000_000;

interface TypeCount {
  accepted: number;
  replayed: number;
  refused: number;
}

interface Refusal {
  code: string;
  detail: string;
  count: number;
}

export interface TallyReport {
  commands: number;
  accepted: number;
  replayed: number;
  refused: number;
  /** Messages that this run added. */
  messages: number;
  byType: Partial<Record<CommandType, TypeCount>>;
  refusals: Refusal[];
  requests: number;
  /** Attempts repeated because of the rate limit, and because a service did not answer. */
  limited: number;
  retried: number;
  seconds: number;
  messagesPerSecond: number;
  commandsPerSecond: number;
  latencyMs: { p50: number; p90: number; p99: number; p999: number; max: number };
  /** Answers that the script did not foresee, and some of them in words. */
  unforeseen: number;
  surprises: string[];
}

const MOST_SURPRISES = 20;

/** Counts what a run sent and what it was answered. */
export class Tally {
  limited = 0;
  retried = 0;
  commands = 0;
  messages = 0;
  /** Newest commit that an answer named. */
  sequence = 0;
  unforeseen = 0;
  readonly #surprises: string[] = [];
  readonly #byType: Partial<Record<CommandType, TypeCount>> = {};
  readonly #refusals = new Map<string, Refusal>();
  readonly #latency: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: SLOWEST_US,
    numberOfSignificantValueDigits: 3,
  });
  readonly #started = performance.now();

  answered(durationMs: number): void {
    this.#latency.recordValue(Math.min(SLOWEST_US, Math.max(1, Math.round(durationMs * 1_000))));
  }

  add(step: Step, answer: StepAnswer): void {
    this.commands++;
    const count = this.#byType[step.type] ?? { accepted: 0, replayed: 0, refused: 0 };
    this.#byType[step.type] = count;
    if (answer.kind === 'refused') {
      count.refused++;
      this.#refuse(answer.code, answer.detail);
      return;
    }
    this.sequence = Math.max(this.sequence, answer.sequence);
    count[answer.replayed ? 'replayed' : 'accepted']++;
    if (step.type === 'message.send' && !answer.replayed) this.messages++;
  }

  surprise(text: string): void {
    this.unforeseen++;
    if (this.#surprises.length < MOST_SURPRISES) this.#surprises.push(text);
  }

  #refuse(code: string, detail: string): void {
    const known = this.#refusals.get(`${code} ${detail}`);
    if (known) known.count++;
    else this.#refusals.set(`${code} ${detail}`, { code, detail, count: 1 });
  }

  report(): TallyReport {
    const seconds = (performance.now() - this.#started) / 1_000;
    const total = (kind: keyof TypeCount): number =>
      Object.values(this.#byType).reduce((sum, count) => sum + count[kind], 0);
    const percentile = (value: number): number => this.#latency.getValueAtPercentile(value) / 1_000;
    return {
      commands: this.commands,
      accepted: total('accepted'),
      replayed: total('replayed'),
      refused: total('refused'),
      messages: this.messages,
      byType: this.#byType,
      refusals: [...this.#refusals.values()].sort((a, b) => b.count - a.count),
      requests: this.#latency.totalCount,
      limited: this.limited,
      retried: this.retried,
      seconds,
      messagesPerSecond: this.messages / seconds,
      commandsPerSecond: this.commands / seconds,
      latencyMs: {
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        p999: percentile(99.9),
        max: this.#latency.maxValue / 1_000,
      },
      unforeseen: this.unforeseen,
      surprises: this.#surprises,
    };
  }
}
