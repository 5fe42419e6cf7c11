import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

const HIGHEST_MICROSECONDS = 60_000_000;

/** Microseconds, three significant digits, up to a minute. */
export function newLatencies(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
  });
}

export function recordLatency(latencies: Histogram, microseconds: number): void {
  latencies.recordValue(Math.min(HIGHEST_MICROSECONDS, Math.max(0, Math.round(microseconds))));
}

/** As text, for the way from one process to another. */
export function packLatencies(latencies: Histogram): string {
  return encodeIntoCompressedBase64(latencies);
}

/** Median and 99th percentile in milliseconds over the latencies of several processes. */
export function percentiles(packed: readonly string[]): { p50Ms: number; p99Ms: number } {
  const all = newLatencies();
  for (const text of packed) all.add(decodeFromCompressedBase64(text));
  return { p50Ms: all.getValueAtPercentile(50) / 1_000, p99Ms: all.getValueAtPercentile(99) / 1_000 };
}

/** Microseconds of the machine's monotonic clock, which all its processes share. */
export function nowMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
