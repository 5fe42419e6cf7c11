import type { Child } from './child.ts';
import { withPort } from './ports.ts';
import { type LocalServer, launch, lifecycle } from './server-process.ts';

export interface ServiceOptions {
  name: string;
  script: string;
  args?: readonly string[];
  /** A free one when it is taken or not named. */
  preferPort?: number;
  /** How long it may take to become ready; five minutes unless told. */
  readyMs?: number;
  env: Record<string, string>;
  cwd: string;
  logFile: string;
  pidFile: string;
  abort?: AbortSignal | undefined;
}

/** A Node process that answers `/health/live` and `/health/ready` on the PORT it is given. */
export function startService(options: ServiceOptions): Promise<LocalServer> {
  return withPort(options, async (port) => {
    const url = `http://127.0.0.1:${port}`;
    const life = lifecycle(
      await launchService(options, port, `${url}/health/ready`),
      // A service that comes back while what it needs is away lives, and becomes ready later by itself.
      () => launchService(options, port, `${url}/health/live`),
      { signal: 'SIGTERM', graceMs: 10_000 },
    );
    return {
      ...life,
      url,
      port,
      get pid() {
        return life.pid();
      },
    };
  });
}

function launchService(options: ServiceOptions, port: number, healthUrl: string): Promise<Child> {
  const { name, script, args = [], env, cwd, logFile, pidFile, abort } = options;
  return launch({
    name,
    command: process.execPath,
    args: [script, ...args, ...(args.length > 0 ? [String(port)] : [])],
    env: { ...process.env, ...env, HOST: '127.0.0.1', PORT: String(port) },
    cwd,
    logFile,
    pidFile,
    abort,
    detached: true,
    ipc: true,
    // A projector may have a long log to catch up with first.
    readyMs: options.readyMs ?? 300_000,
    ready: () => isHealthy(healthUrl),
  });
}

async function isHealthy(url: string): Promise<true | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.status === 200 ? true : undefined;
  } catch {
    return undefined;
  }
}
