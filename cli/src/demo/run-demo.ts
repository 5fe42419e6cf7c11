import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { formatPosition } from '@parley/contracts';
import type { StackAddresses } from '@parley/deploy';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { counted } from '../log/counted.ts';
import { type Progress, silentProgress } from '../progress.ts';
import { Unavailable } from '../run-command.ts';
import { CommandSender } from './command-sender.ts';
import { passed } from './findings.ts';
import { createHttp, type Http } from './http.ts';
import { type InputSize, measureInput, readIrcLines } from './irc-line.ts';
import { Listeners } from './listeners.ts';
import { play } from './play.ts';
import type { DemoReport, ListenerReport } from './report.ts';
import { KEEPER } from './script.ts';
import { Tally } from './tally.ts';
import { Tokens } from './tokens.ts';
import { checkAnswers, checkSecondRun, verify, waitForReadModel } from './verify.ts';

export const SAMPLE = fileURLToPath(new URL('../../data/ubuntu-irc-sample.ndjson.gz', import.meta.url));

export interface DemoOptions {
  addresses: StackAddresses;
  /** NDJSON of IRC lines, gzipped or not; the shipped sample unless told. */
  input?: string | undefined;
  /** Requests at once; 64 unless told. */
  inFlight?: number | undefined;
  /** Play the first rooms of the file only. */
  rooms?: number | undefined;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

interface Stage {
  options: DemoOptions;
  file: string;
  size: InputSize;
  http: Http;
  tokens: Tokens;
  log: EventLog;
  progress: Progress;
  inFlight: number;
}

/**
 * Plays the input twice while sockets listen, and verifies the outcome against the log. Rejects with Unavailable when
 * the stack is away for good, with BadInput when the file is none, with the signal's reason on abort.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const {
    addresses,
    input: file = SAMPLE,
    rooms,
    inFlight = 64,
    signal,
    progress = silentProgress,
  } = options;
  // Every request in flight listens to it.
  if (signal) setMaxListeners(0, signal);
  const size = await measureInput(file, rooms);
  const logger = createLogger({ name: 'parley-demo', level: 'silent' });
  const http = createHttp(inFlight);
  const opened = await openEventLog({ natsUrl: addresses.nats, replicas: 1, name: 'parley-demo', logger });
  const tokens = new Tokens(addresses.issuer, http.send, signal);
  const stage = { options, file, size, http: http.send, tokens, log: opened.log, progress, inFlight };
  try {
    await mustBeWhole(opened.log);
    return await perform(stage);
  } finally {
    http.close();
    await opened.close();
  }
}

/** What it sends is compared with the log from its first commit on. */
async function mustBeWhole(log: EventLog): Promise<void> {
  const { first } = await log.bounds();
  if (first === 1) return;
  throw new Unavailable(
    'This log lost its beginning to retention; the demo needs all of it. Use an empty stack: npm start -- --reset.',
  );
}

async function perform(stage: Stage): Promise<DemoReport> {
  const { options, file, size, tokens, log, progress } = stage;
  const listeners = new Listeners({ gateway: options.addresses.gateway, tokens });
  try {
    progress.say(
      `playing ${counted(size.lines, 'line')} of ${counted(size.rooms, 'room')} through ${options.addresses.commandApi}`,
    );
    const first = await playOnce(stage, 'play', listeners);
    const { last: head } = await log.bounds();
    progress.say('cutting all sockets once more and resuming them');
    const readModel = waitForReadModel({ addresses: options.addresses, tokens, log, head });
    const [catchUpSeconds] = await Promise.all([readModel, listeners.finish(head)]);
    listeners.close();
    const { conversationIds } = first;
    const verified = await verify({
      ...stage,
      ...options,
      roomCount: options.rooms,
      conversationIds,
      head,
      listeners: listeners.all,
    });
    progress.say('the same once more: nothing may be added');
    const second = await playOnce(stage, 'second run', null);
    const { last: secondHead } = await log.bounds();
    const checks = [
      checkAnswers('answers to the first run as foreseen', first.report),
      ...verified.checks,
      checkAnswers('answers to the second run as foreseen', second.report),
      ...(await checkSecondRun({ log, head, conversationIds }, second.report, secondHead)),
    ];
    return {
      input: { file, ...size },
      people: verified.people,
      first: first.report,
      second: second.report,
      listeners: describeListeners(listeners),
      positions: { first: formatPosition(log.epoch, head), second: formatPosition(log.epoch, secondHead) },
      catchUpSeconds,
      checks,
      clean: checks.every(passed),
    };
  } finally {
    listeners.close();
  }
}

async function playOnce(stage: Stage, title: string, listeners: Listeners | null) {
  const { options, http, tokens, progress, inFlight, size, file } = stage;
  const { signal, rooms: roomCount, addresses } = options;
  await tokens.of(KEEPER);
  await listeners?.start();
  const tally = new Tally();
  const bar = progress.start(title, size.lines, () => describeTally(tally));
  const limits = new LimitNotice(progress);
  const sender = new CommandSender({
    commandApi: addresses.commandApi,
    http,
    tokens,
    signal,
    answered: (durationMs) => tally.answered(durationMs),
    attempts: {
      retried(cause, waitMs) {
        tally[cause === 'limited' ? 'limited' : 'retried']++;
        if (cause === 'limited') limits.tell(waitMs);
      },
    },
  });
  try {
    const conversationIds = await play({
      lines: readIrcLines(file, roomCount),
      sender,
      tally,
      inFlight,
      pace: async () => listeners?.pace(tally.sequence),
      enters: async (conversationId, userId) => listeners?.enters(conversationId, userId),
      played: () => bar.advance(),
      signal,
    });
    return { conversationIds, report: tally.report() };
  } finally {
    bar.stop();
  }
}

function describeTally({ messages, retried }: Tally): string {
  const again = retried > 0 ? `, ${counted(retried, 'command')} sent again` : '';
  return `${counted(messages, 'new message')}${again}`;
}

/** Says once why it is slow. */
class LimitNotice {
  readonly #progress: Progress;
  #told = false;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  tell(waitMs: number): void {
    if (this.#told) return;
    this.#told = true;
    this.#progress.warn(
      `this stack limits commands per user: waiting as told (now ${Math.ceil(waitMs / 1_000)} s) and going on. ` +
        'To lift the limits, start the stack with: PARLEY_LIMITS=off npm start',
    );
  }
}

function describeListeners({ all }: Listeners): ListenerReport {
  const sum = (of: (listener: (typeof all)[number]) => number): number =>
    all.reduce((total, listener) => total + of(listener), 0);
  return {
    sockets: all.length,
    cuts: sum((listener) => listener.cuts),
    losses: sum((listener) => listener.losses),
    resumes: sum((listener) => listener.resumes),
    resets: all.flatMap((listener) => listener.resets),
    events: sum((listener) => listener.received.count),
  };
}
