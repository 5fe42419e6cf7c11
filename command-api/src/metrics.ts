import type { Metrics } from '@parley/runtime';

export type CommandMetrics = ReturnType<typeof declareCommandMetrics>;

export function declareCommandMetrics(metrics: Metrics) {
  return {
    /** Group commit at work: above 1 when several commands share one append. */
    commandsPerCommit: metrics.histogram({
      name: 'parley_commit_commands',
      help: 'Commands stored by one commit: above 1 when commands to a busy conversation share an append.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    }),
    appendSeconds: metrics.histogram({
      name: 'parley_append_seconds',
      help: 'Time from sending a commit to the log until it is stored or refused.',
    }),
    commands: metrics.counter({
      name: 'parley_commands_total',
      help: 'Commands by type and outcome: accepted, replayed, or the error code.',
      labels: ['type', 'outcome'],
    }),
    cursorsPerCommit: metrics.histogram({
      name: 'parley_commit_cursors',
      help: 'Read cursors stored by one commit of a partition.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    }),
  };
}
