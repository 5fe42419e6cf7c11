import { readFileSync } from 'node:fs';

/** Linux has reported times to user space in hundredths of a second on every architecture for decades. */
const MICROSECONDS_PER_TICK = 10_000;
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** CPU time that processes have used so far, user and system, in steps of 10 ms; NaN where there is no /proc. */
export function cpuMicroseconds(...pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * MICROSECONDS_PER_TICK;
}
