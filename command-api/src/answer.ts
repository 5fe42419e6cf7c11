import type { ErrorCode, ProblemExtras } from '@parley/contracts';
import type { CommitPlan, Verdict } from './domain/plan-commit.ts';

/** What became of a command. `sequence`: the commit that holds the outcome, or the newest one it was checked against. */
export type Answer =
  | { kind: 'accepted'; sequence: number; version: number; result: unknown; replayed: boolean }
  | { kind: 'rejected'; code: ErrorCode; extras: ProblemExtras };

const reuse: Answer = { kind: 'rejected', code: 'idempotency-conflict', extras: {} };

export function answerTo(verdict: Verdict, plan: CommitPlan, sequence: number): Answer {
  switch (verdict.kind) {
    case 'accepted': {
      const { version, result } = verdict;
      return { kind: 'accepted', sequence, version, result, replayed: false };
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
