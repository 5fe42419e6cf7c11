import { readFileSync } from 'node:fs';
import { run } from './run.ts';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A moment that tells two processes with the same pid apart; undefined when it is gone or only waits to be reaped. */
export async function startedAt(pid: number): Promise<string | undefined> {
  if (!isAlive(pid)) return undefined;
  if (process.platform === 'linux') return linuxStartedAt(pid);
  if (process.platform === 'win32') return 'unknown';
  const answer = (await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])).stdout.trim();
  return answer === '' || answer.startsWith('Z') ? undefined : answer.replace(/^\S+\s+/, '');
}

/** A recorded pid may have been given to another program since, so the command line decides. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return linuxCommandLine(pid);
  if (process.platform === 'win32') return windowsCommandLine(pid);
  return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.trim();
}

/** True when the process lives and its command line names one of the paths. */
export async function isOurs(pid: number, paths: readonly string[]): Promise<boolean> {
  return isAlive(pid) && namesPath(await commandLine(pid), paths);
}

/** A path counts only whole: the data of `/a/parley` is not that of `/a/parley-2`. */
export function namesPath(command: string, paths: readonly string[]): boolean {
  return paths.some((path) => {
    for (let at = command.indexOf(path); at !== -1; at = command.indexOf(path, at + 1)) {
      const next = command[at + path.length];
      if (next === undefined || /[\s/\\"'\0]/.test(next)) return true;
    }
    return false;
  });
}

function linuxStartedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may hold spaces and brackets itself.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

function linuxCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

async function windowsCommandLine(pid: number): Promise<string> {
  const query = `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`;
  return (await run('powershell', ['-NoProfile', '-Command', query])).stdout.trim();
}
