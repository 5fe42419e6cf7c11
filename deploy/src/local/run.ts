import { spawn } from 'node:child_process';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  input?: string;
  timeoutMs?: number;
}

export interface RunResult {
  ok: boolean;
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. A command that can't be started is a result with `ok: false`, not an exception. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { input, timeoutMs, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...rest, timeout: timeoutMs ?? 120_000, windowsHide: true });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => resolve({ ok: false, code: null, stdout, stderr: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, code, stdout, stderr }));
    // A command that dies before it reads its input is reported by its exit, not by EPIPE here.
    child.stdin.once('error', () => {});
    child.stdin.end(input ?? '');
  });
}
