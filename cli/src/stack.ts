import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStack, type StackAddresses, startStack } from '@parley/deploy';

/** The checkout this build is part of. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A stack to work on. `stop` ends only what was started for it. */
export interface OpenStack {
  addresses: StackAddresses;
  own: boolean;
  stop(): Promise<void>;
}

export interface OpenStackOptions {
  /** Folder of the running stack to look for. */
  dir?: string;
  report(text: string): void;
  signal?: AbortSignal | undefined;
}

/** The stack that `npm start` runs here when it answers, else a new and empty one in a folder of its own, without limits. */
export async function openStack({ dir, report, signal }: OpenStackOptions): Promise<OpenStack> {
  const running = await readStack(dir ?? join(ROOT, '.parley'));
  if (running && (await answers(running))) {
    report('using the stack that is running');
    return { addresses: running, own: false, stop: () => Promise.resolve() };
  }
  if (running) report('the stack in .parley does not answer: starting another one beside it');
  else report('no stack is running: starting one for the demo');
  const place = await mkdtemp(join(tmpdir(), 'parley-demo-'));
  const clean = () => rm(place, { recursive: true, force: true });
  try {
    const stack = await startStack({
      root: ROOT,
      dir: place,
      limits: 'off',
      report,
      ...(signal && { signal }),
    });
    const stop = async (): Promise<void> => {
      await stack.stop();
      await clean();
    };
    return { addresses: stack.addresses, own: true, stop };
  } catch (error) {
    await clean();
    throw error;
  }
}

async function answers({ commandApi, readApi, gateway, issuer }: StackAddresses): Promise<boolean> {
  const socketHost = gateway.replace(/^ws/, 'http').replace(/\/v1\/socket$/, '');
  const ready = await Promise.all([commandApi, readApi, socketHost, issuer].map(isReady));
  return ready.every(Boolean);
}

async function isReady(base: string): Promise<boolean> {
  try {
    const answer = await fetch(`${base}/health/ready`, { signal: AbortSignal.timeout(5_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
