import { setTimeout as after } from 'node:timers/promises';
import { nowMicroseconds } from './latency.ts';

/** Timers fire up to a millisecond late, and one more when the loop is busy. */
const TIMER_SLACK_MS = 2;
/** Long enough for what was started before. */
const LEAD_US = 20_000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Acts `count` times at fixed distances, whatever the answers do (an open loop); `act` is given the intended time, from
 * which latency counts. The last milliseconds are slept through outside of the event loop, to some ten microseconds:
 * a timer's own lateness would be added to both sides of a ratio and make it milder.
 */
export async function onSchedule(
  { everyUs, count }: { everyUs: number; count: number },
  act: (intendedUs: number, index: number) => void,
): Promise<void> {
  const begin = nowMicroseconds() + LEAD_US;
  for (let index = 0; index < count; index++) {
    const intended = Math.round(begin + index * everyUs);
    await until(intended);
    act(intended, index);
  }
}

async function until(intendedUs: number): Promise<void> {
  const leftMs = (intendedUs - nowMicroseconds()) / 1_000;
  // Never zero: what was written must get out, and answers in, also when the schedule is behind.
  await after(Math.max(1, Math.floor(leftMs - TIMER_SLACK_MS)));
  const restMs = (intendedUs - nowMicroseconds()) / 1_000;
  if (restMs > 0) Atomics.wait(sleeper, 0, 0, restMs);
}
