import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type LastMessage, type Numbers, noNumbers } from './numbers.ts';

/** The numbers and the place in the log that they are of: always written together. */
export interface State {
  /** The log's incarnation; null before the first commit. */
  epoch: string | null;
  /** Sequence of the last commit that is in the numbers. */
  sequence: number;
  /** Commits that could not be decoded, and the first of them. */
  unreadable: number;
  firstUnreadable: number | null;
  numbers: Numbers;
}

interface Stored extends Omit<State, 'numbers'> {
  format: 1;
  messagesPerHour: [string, number][];
  activeUsers: [string, string[] | number][];
  responses: [number, number][];
  lastMessages: [string, LastMessage][];
  today: string;
  late: number;
}

/** Throws when the file is there and is not ours. */
export function readState(file: string): State {
  if (!existsSync(file)) {
    return { epoch: null, sequence: 0, unreadable: 0, firstUnreadable: null, numbers: noNumbers() };
  }
  const stored = JSON.parse(readFileSync(file, 'utf8')) as Stored;
  if (stored.format !== 1) throw new Error(`${file} was not written by this program: name another file`);
  const { epoch, sequence, unreadable, firstUnreadable, today, late } = stored;
  const users = (each: string[] | number) => (Array.isArray(each) ? new Set(each) : each);
  return {
    ...{ epoch, sequence, unreadable, firstUnreadable },
    numbers: {
      messagesPerHour: new Map(stored.messagesPerHour),
      activeUsers: new Map(stored.activeUsers.map(([day, each]) => [day, users(each)])),
      responses: new Map(stored.responses),
      lastMessages: new Map(stored.lastMessages),
      today,
      late,
    },
  };
}

/** After a crash at any moment, of the program or the machine, the file is the old one or the new one, whole. */
export function writeState(file: string, { numbers, ...place }: State): void {
  const { today, late } = numbers;
  const users = (each: Set<string> | number) => (each instanceof Set ? [...each] : each);
  const stored: Stored = {
    format: 1,
    ...place,
    messagesPerHour: [...numbers.messagesPerHour],
    activeUsers: [...numbers.activeUsers].map(([day, each]) => [day, users(each)]),
    responses: [...numbers.responses],
    lastMessages: [...numbers.lastMessages],
    today,
    late,
  };
  const next = `${file}.next`;
  writeFileSync(next, JSON.stringify(stored), { mode: 0o600, flush: true });
  renameSync(next, file);
  // The rename itself is only on disk when its folder is; Windows cannot open a folder and does not need it.
  if (process.platform !== 'win32') flushFolder(dirname(file));
}

function flushFolder(folder: string): void {
  const opened = openSync(folder, 'r');
  fsyncSync(opened);
  closeSync(opened);
}
