import type { Metrics } from '@parley/runtime';

/** Declares the notifier's metrics in a process's registry. */
export function declareNotifierMetrics(metrics: Metrics) {
  return {
    commands: metrics.counter({
      name: 'parley_notifier_commands_total',
      help: 'Commands sent because their time had come, by what became of them: done, refused, put off or failed',
      labels: ['type', 'outcome'],
    }),
    lateSeconds: metrics.histogram({
      name: 'parley_notifier_late_seconds',
      help: 'From the time a message was scheduled for until it was sent',
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 300, 3_600],
    }),
  };
}

export type NotifierMetrics = ReturnType<typeof declareNotifierMetrics>;
