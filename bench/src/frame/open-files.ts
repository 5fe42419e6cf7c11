import { readFileSync } from 'node:fs';

/** Of a process beside its sockets: modules, the log, connections to the servers, and some to spare. */
const OTHERS = 500;

/** Throws with what to do when a process may not hold so many sockets. What cannot be told is left to fail by itself. */
export function requireOpenFiles(sockets: number): void {
  const limit = openFilesLimit();
  const needed = sockets + OTHERS;
  if (limit >= needed) return;
  throw new Error(
    `one process may open ${limit} files, and this bench needs ${needed}: run \`ulimit -n ${needed}\` first`,
  );
}

/** The soft limit; Node raises it to the hard one when it starts, and children inherit it. */
function openFilesLimit(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
