import { expect, test } from 'vitest';
import { Metrics } from './metrics.ts';

test('writes counters, gauges, histograms and the metrics of the process', async () => {
  const metrics = new Metrics('probe');
  metrics
    .counter({ name: 'parley_commands_total', help: 'Commands', labels: ['type'] })
    .inc({ type: 'a' }, 2);
  metrics.gauge({ name: 'parley_lag_commits', help: 'Lag' }).set(5);
  metrics.histogram({ name: 'parley_append_seconds', help: 'Append', buckets: [0.1] }).observe(0.05);
  const text = await metrics.text();
  expect(text).toContain('parley_commands_total{type="a",service="probe"} 2');
  expect(text).toContain('parley_lag_commits{service="probe"} 5');
  expect(text).toContain('parley_append_seconds_bucket{le="0.1",service="probe"} 1');
  expect(text).toContain('process_cpu_seconds_total');
});

test('declared lists its own metrics for the docs', () => {
  const metrics = new Metrics('probe');
  metrics.counter({ name: 'parley_commands_total', help: 'Commands', labels: ['type'] });
  expect(metrics.declared()).toEqual([
    { name: 'parley_commands_total', type: 'counter', help: 'Commands', labels: ['type'] },
  ]);
});

test('refuses a name that exists or does not follow the form', () => {
  const metrics = new Metrics('probe');
  metrics.gauge({ name: 'parley_lag_commits', help: 'Lag' });
  expect(() => metrics.counter({ name: 'parley_lag_commits', help: 'again' })).toThrow('exists already');
  expect(() => metrics.gauge({ name: 'lag', help: 'Lag' })).toThrow('parley_<thing>_<unit>');
});

test('two processes in one test do not share numbers', async () => {
  const [a, b] = [new Metrics('a'), new Metrics('b')];
  a.gauge({ name: 'parley_lag_commits', help: 'Lag' }).set(1);
  b.gauge({ name: 'parley_lag_commits', help: 'Lag' }).set(2);
  expect(await a.text()).toContain('parley_lag_commits{service="a"} 1');
  expect(await b.text()).toContain('parley_lag_commits{service="b"} 2');
});
