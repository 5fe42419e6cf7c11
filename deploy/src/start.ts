import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { killLiving } from './local/child.ts';
import { repoRoot } from './local/repo-root.ts';
import { SetupError } from './local/setup-error.ts';
import { startStack } from './local/stack.ts';
import { AlreadyRunningError, type Stack } from './local/stack-options.ts';
import { createTokenSigner } from './local/token-signer.ts';
import { addressTable, firstSteps, styleFor } from './local/welcome.ts';

const usage = `npm start [-- options]

  --reset    start empty: deletes the data in .parley, keeps the fetched programs
  --help     this text

  PARLEY_LIMITS=off lifts the rate limits, for load tools.
`;

const style = styleFor(process.stdout);
const print = (text: string) => process.stdout.write(`${text}\n`);
const report = (text: string) => print(style.quiet(`  ${text}`));

async function main(): Promise<void> {
  const wish = readArguments();
  if (wish.help) return void print(usage);
  const began = performance.now();
  const starting = new AbortController();
  let stack: Stack | undefined;
  onStopSignal(async () => {
    report('stopping…');
    starting.abort(new Stopped());
    await stack?.stop();
    if (stack) process.exit(0);
  });
  stack = await startStack({
    root: repoRoot(),
    reset: wish.reset,
    limits: wantedLimits(),
    signal: starting.signal,
    report,
    onFailure: fail,
  });
  await welcome(stack, performance.now() - began);
}

/** `npm start --reset` without the second dashes reaches us as npm's own setting: it is honoured. */
function readArguments(): { reset: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      options: { reset: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    const reset = values.reset ?? process.env.npm_config_reset === 'true';
    return { reset, help: values.help ?? false };
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

function wantedLimits(): 'on' | 'off' {
  const wanted = process.env.PARLEY_LIMITS || 'on';
  if (wanted === 'on' || wanted === 'off') return wanted;
  throw new SetupError(`PARLEY_LIMITS is "${wanted}". Set it to on or off, or unset it.`);
}

async function welcome(stack: Stack, took: number): Promise<void> {
  const signer = await createTokenSigner(resolve(stack.dir, 'issuer'));
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map(
      async (sub) => (await signer.sign({ sub, device: 'd1', ttlSeconds: 12 * 3_600 })).token,
    ),
  );
  if (!alice || !bob) throw new Error('no tokens');
  const { addresses } = stack;
  print(`\n${addressTable(addresses, style)}\n`);
  print(
    `${style.strong('Paste this into another terminal')}: alice opens a group with bob and writes to him.\n`,
  );
  print(firstSteps({ addresses, alice, bob }));
  print(`\n${style.strong(`Parley is ready in ${(took / 1_000).toFixed(1)} s.`)} Ctrl-C stops it.`);
}

class Stopped extends Error {}

function onStopSignal(stop: () => Promise<void>): void {
  let first: number | undefined;
  const handle = () => {
    // A terminal's Ctrl-C reaches this process twice under npm: once directly, once passed on.
    if (first !== undefined && performance.now() - first < 500) return;
    if (first !== undefined) {
      killLiving();
      process.exit(130);
    }
    first = performance.now();
    stop().catch(fail);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
  if (process.env.npm_lifecycle_event) whenParentEnds(handle);
}

/** npm passes SIGTERM on to the shell between it and this process; a shell ends and passes nothing on. */
function whenParentEnds(then: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    then();
  }, 250);
  watch.unref();
}

function fail(error: unknown): never {
  if (error instanceof Stopped) process.exit(0);
  if (error instanceof AlreadyRunningError) alreadyRunning(error);
  const known = error instanceof SetupError;
  process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

function alreadyRunning({ message, running }: AlreadyRunningError): never {
  if (readArguments().reset) {
    process.stderr.write(
      `${message[0]?.toUpperCase()}${message.slice(1)}. Nothing was reset: stop it first.\n`,
    );
    process.exit(1);
  }
  print(`${message[0]?.toUpperCase()}${message.slice(1)}.`);
  if (running) print(`\n${addressTable(running, style)}`);
  process.exit(0);
}

await main().catch(fail);
