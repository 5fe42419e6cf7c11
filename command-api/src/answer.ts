import type { ErrorCode, ProblemExtras } from '@parley/contracts';
import type { Released } from './domain/aggregate.ts';
import type { Confirmation } from './domain/decider.ts';
import type { CommitPlan, Verdict } from './domain/plan-commit.ts';

/** What became of a command. `sequence`: the commit that holds the outcome, or the newest one it was checked against. */
export type Answer = Accepted | { kind: 'rejected'; code: ErrorCode; extras: ProblemExtras };

export interface Accepted {
  kind: 'accepted';
  sequence: number;
  version: number;
  result: unknown;
  replayed: boolean;
  /** What the conversation says to a command that is written elsewhere. */
  confirmed?: Confirmation | undefined;
  /** What is to be sent, its time having come. */
  released?: Released | undefined;
}

const reuse: Answer = { kind: 'rejected', code: 'idempotency-conflict', extras: {} };

export function answerTo(verdict: Verdict, plan: CommitPlan<unknown>, sequence: number): Answer {
  switch (verdict.kind) {
    case 'accepted': {
      const { version } = verdict;
      const { result, confirmed, released } = verdict.decision;
      return { kind: 'accepted', sequence, version, result, replayed: false, confirmed, released };
    }
    case 'replay': {
      const { record } = verdict;
      const { version, result } = record;
      return { kind: 'accepted', sequence: record.sequence, version, result, replayed: true };
    }
    case 'twin': {
      const original = plan.verdicts[verdict.of];
      const answer = original && answerTo(original, plan, sequence);
      return answer?.kind === 'accepted' ? { ...answer, replayed: true } : reuse;
    }
    case 'key-reused':
      return reuse;
    case 'rejected':
      return { kind: 'rejected', code: verdict.decision.code, extras: verdict.decision.extras ?? {} };
  }
}
