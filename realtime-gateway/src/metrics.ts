import type { Metrics } from '@parley/runtime';

export type GatewayMetrics = ReturnType<typeof declareMetrics>;

/** Every metric of the gateway. */
export function declareMetrics(metrics: Metrics) {
  return {
    sockets: metrics.gauge({ name: 'parley_gateway_sockets_count', help: 'Open sockets' }),
    queueBytes: metrics.gauge({
      name: 'parley_gateway_queue_bytes',
      help: 'Bytes waiting for slow or busy clients, over all sockets',
    }),
    ringBytes: metrics.gauge({ name: 'parley_gateway_ring_bytes', help: 'Memory of the newest commits' }),
    lag: metrics.gauge({
      name: 'parley_gateway_lag_commits',
      help: 'Commits in the log that this process has not been given yet',
    }),
    waiting: metrics.gauge({
      name: 'parley_gateway_resumes_waiting_count',
      help: 'Sockets in line for their replay',
    }),
    delivered: metrics.counter({
      name: 'parley_gateway_delivered_commits_total',
      help: 'Commits sent, counted once per socket',
    }),
    resumes: metrics.counter({
      name: 'parley_gateway_resumes_total',
      help: 'Sockets that came as far as welcome, by outcome: live, replay, reset, closed',
      labels: ['outcome'],
    }),
    resets: metrics.counter({
      name: 'parley_gateway_resets_total',
      help: 'Clients told to start over, by reason',
      labels: ['reason'],
    }),
    closes: metrics.counter({
      name: 'parley_gateway_closes_total',
      help: 'Sockets closed, by close code; 4008 = slow consumer',
      labels: ['code'],
    }),
    presenceLeases: metrics.counter({
      name: 'parley_gateway_presence_leases_total',
      help: 'Presence leases written to the store: every open socket each 15 s, and changes',
    }),
    presenceReads: metrics.counter({
      name: 'parley_gateway_presence_reads_total',
      help: 'Users whose presence was read from the store, in batches',
    }),
    presenceAnnounced: metrics.counter({
      name: 'parley_gateway_presence_announced_total',
      help: 'Users whose change of presence was told to the other processes',
    }),
    presenceFrames: metrics.counter({
      name: 'parley_gateway_presence_frames_total',
      help: 'Presence frames sent; a socket gets at most one a second besides answers',
    }),
    gaps: metrics.counter({
      name: 'parley_gateway_gaps_total',
      help: 'Sequences that the log skipped: 0 unless commits were deleted from it',
    }),
    unreadable: metrics.counter({
      name: 'parley_gateway_unreadable_commits_total',
      help: 'Commits passed over because they cannot be decoded: must be 0',
    }),
  };
}
