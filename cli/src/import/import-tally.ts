import type { StepAnswer } from '../demo/command-sender.ts';
import type { Step } from '../demo/script.ts';
import type { Conversation, SkippedItem } from './item.ts';

export const THINGS = ['conversations', 'people', 'messages', 'replies', 'reactions', 'other'] as const;
export type Thing = (typeof THINGS)[number];
export const TYPES = ['channel', 'group', 'direct'] as const;
type Type = Conversation['type'];

/** `planned` is what would be sent; of the rest each command has one. */
export type Outcome = 'planned' | 'made' | 'present' | 'refused';

export interface Refusal {
  place: string;
  command: string;
  code: string;
  detail: string;
}

export interface Reason {
  reason: string;
  count: number;
  loss: boolean;
  /** Where it was met first. */
  first: string;
}

/** Told one by one; of more than these only their number. */
const MOST_REFUSALS = 100;
/** An export may be made of nothing but things unknown, each with a reason of its own. */
const MOST_REASONS = 1_000;

/** Counts what an import makes, and what it does not. Bounded, whatever is imported. */
export class ImportTally {
  /** Things of the source: messages, people coming and going, and what was skipped. */
  items = 0;
  refused = 0;
  readonly refusals: Refusal[] = [];
  readonly #counts = new Map<string, number>();
  readonly #skipped = new Map<string, Reason>();
  readonly #changed = new Map<string, number>();

  step(type: Type, step: Step, outcome: Outcome): void {
    const { thing, count } = thingOf(step);
    const key = `${type} ${thing} ${outcome}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  answer(type: Type, step: Step, answer: StepAnswer, place: string): void {
    if (answer.kind === 'accepted') {
      this.step(type, step, answer.replayed ? 'present' : 'made');
      return;
    }
    this.step(type, step, 'refused');
    this.refuse({ place, command: step.type, code: answer.code, detail: answer.detail });
  }

  refuse(refusal: Refusal): void {
    this.refused++;
    if (this.refusals.length < MOST_REFUSALS) this.refusals.push(refusal);
  }

  skip({ reason, loss, place }: SkippedItem): void {
    const known = this.#skipped.has(reason) || this.#skipped.size < MOST_REASONS;
    const name = known ? reason : 'other';
    const entry = this.#skipped.get(name) ?? { reason: name, count: 0, loss: false, first: place };
    entry.count++;
    entry.loss ||= loss;
    this.#skipped.set(name, entry);
  }

  change(reason: string): void {
    this.#changed.set(reason, (this.#changed.get(reason) ?? 0) + 1);
  }

  count(thing: Thing, outcome: Outcome, types: readonly Type[] = TYPES): number {
    return types.reduce((sum, type) => sum + (this.#counts.get(`${type} ${thing} ${outcome}`) ?? 0), 0);
  }

  get skipped(): Reason[] {
    return [...this.#skipped.values()];
  }

  get changed(): { reason: string; count: number }[] {
    return [...this.#changed].map(([reason, count]) => ({ reason, count }));
  }

  /** Nothing of the source is missing. */
  get complete(): boolean {
    return this.refused === 0 && this.skipped.every(({ loss }) => !loss);
  }
}

function thingOf({ type, data }: Step): { thing: Thing; count: number } {
  switch (type) {
    case 'conversation.create':
      return { thing: 'conversations', count: 1 };
    case 'conversation.join':
      return { thing: 'people', count: 1 };
    case 'members.add':
      return { thing: 'people', count: data.members.length };
    case 'message.send':
      return { thing: data.threadId === undefined ? 'messages' : 'replies', count: 1 };
    case 'message.react':
      return { thing: 'reactions', count: 1 };
    default:
      return { thing: 'other', count: 1 };
  }
}
