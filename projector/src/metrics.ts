import type { Metrics } from '@parley/runtime';

const BATCH_EVENTS = [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000];

/** Declares the projector's metrics in a process's registry. */
export function declareProjectorMetrics(metrics: Metrics) {
  return {
    lagCommits: metrics.gauge({
      name: 'parley_projector_lag_commits',
      help: 'Commits between a lane and the head of the log',
      labels: ['lane'],
    }),
    lagSeconds: metrics.gauge({
      name: 'parley_projector_lag_seconds',
      help: 'Age of the oldest commit that a lane has received and not yet written; 0 when there is none',
      labels: ['lane'],
    }),
    batchEvents: metrics.histogram({
      name: 'parley_projector_batch_events',
      help: 'Events folded into one transaction',
      labels: ['lane'],
      buckets: BATCH_EVENTS,
    }),
    rows: metrics.counter({
      name: 'parley_projector_rows_total',
      help: 'Rows sent to Postgres, after merging',
      labels: ['lane'],
    }),
    transactionSeconds: metrics.histogram({
      name: 'parley_projector_transaction_seconds',
      help: 'Time from BEGIN to COMMIT of one batch',
      labels: ['lane'],
    }),
    failures: metrics.counter({
      name: 'parley_projector_write_failures_total',
      help: 'Transactions that failed and were repeated',
      labels: ['lane'],
    }),
    haltedLanes: metrics.gauge({
      name: 'parley_projector_halted_lanes',
      help: 'Lanes that stopped for good: an operator has to look at them',
    }),
    deadLetters: metrics.gauge({
      name: 'parley_projector_dead_letters',
      help: 'Conversations and users whose commits are parked because one cannot be applied',
      labels: ['lane'],
    }),
    parkedCommits: metrics.counter({
      name: 'parley_projector_parked_commits_total',
      help: 'Commits that were parked: they cannot be applied, or wait behind one that cannot',
      labels: ['lane'],
    }),
  };
}

export type ProjectorMetrics = ReturnType<typeof declareProjectorMetrics>;
