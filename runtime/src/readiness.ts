import { setTimeout as after } from 'node:timers/promises';
import { maskCredentials } from './config.ts';

const PROBE_TIMEOUT_MS = 1_500;

type Probe = () => Promise<void> | void;

/** Whether this process should get traffic, asked of everything it needs each time it is reported. */
export class Readiness {
  readonly #probes = new Map<string, Probe>();
  #stopping = false;
  #running: Promise<string[]> | undefined;

  /** Adds a probe; it is ready when it neither throws nor rejects within 1.5 s. */
  check(name: string, probe: Probe): void {
    if (this.#probes.has(name)) throw new Error(`Readiness check ${name} exists already`);
    this.#probes.set(name, probe);
  }

  /** Reports that come while one is running share it, so that a flood of them costs one round of probes. */
  async report(): Promise<{ ready: boolean; reasons: string[] }> {
    this.#running ??= this.#runProbes().finally(() => {
      this.#running = undefined;
    });
    const faults = await this.#running;
    const reasons = this.#stopping ? ['stopping', ...faults] : faults;
    return { ready: reasons.length === 0, reasons };
  }

  /** From here on not ready, for good. */
  stopping(): void {
    this.#stopping = true;
  }

  async #runProbes(): Promise<string[]> {
    const faults = await Promise.all([...this.#probes].map(([name, probe]) => run(name, probe)));
    return faults.filter((fault) => fault !== undefined);
  }
}

async function run(name: string, probe: Probe): Promise<string | undefined> {
  const deadline = new AbortController();
  const late = after(PROBE_TIMEOUT_MS, `${name}: no answer within ${PROBE_TIMEOUT_MS} ms`, {
    signal: deadline.signal,
    ref: false,
  });
  try {
    return await Promise.race([settle(probe), late]);
  } catch (error) {
    return `${name}: ${maskCredentials(reasonOf(error))}`;
  } finally {
    late.catch(() => undefined);
    deadline.abort();
  }
}

async function settle(probe: Probe): Promise<undefined> {
  await probe();
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : error.name;
  return error.message || code;
}
