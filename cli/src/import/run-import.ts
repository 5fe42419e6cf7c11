import { setMaxListeners } from 'node:events';
import { CommandSender, type StepAnswer } from '../demo/command-sender.ts';
import { createHttp } from '../demo/http.ts';
import { commandIdOf } from '../demo/ids.ts';
import type { Step, Turn } from '../demo/script.ts';
import { counted } from '../log/counted.ts';
import type { Progress } from '../progress.ts';
import { Unavailable } from '../run-command.ts';
import { type ApiFlags, findApi } from './find-api.ts';
import type { ImportSource } from './import-source.ts';
import { ImportTally } from './import-tally.ts';
import { inParallel } from './in-parallel.ts';
import type { Person } from './item.ts';
import { playSource, type Taken } from './play-source.ts';

/** Any moment that is long past. */
const LONG_AGO_MS = Date.UTC(2004, 0);
/** The token is not accepted: no other command of anybody would fare better. */
const HOPELESS = new Set(['unauthenticated', 'token-revoked', 'insufficient-scope']);
/** Who left or was removed here since has nothing to read there. */
const NOT_IN = new Set(['forbidden', 'not-found', 'not-allowed-here']);

export interface ImportOptions {
  source: ImportSource;
  inFlight: number;
  keepUnread: boolean;
  progress: Progress;
  signal: AbortSignal;
}

/** What would be sent, without a request. */
export async function planImport({ source, signal, progress }: ImportOptions): Promise<ImportTally> {
  progress.say('reading what is to be imported');
  const tally = new ImportTally();
  await playSource({
    source,
    tally,
    inFlight: 1,
    keepUnread: true,
    played: () => {},
    signal,
    async take({ steps }, { script }) {
      for (const step of steps) tally.step(script.conversation.type, step, 'planned');
    },
  });
  return tally;
}

/**
 * Imports through the public API. Commands that were accepted before, by a run that was killed or one that finished, are
 * known again by their keys. Rejects with Unavailable when the API is away for good: the next run goes on.
 */
export async function runImport(options: ImportOptions & ApiFlags): Promise<ImportTally> {
  const { source, inFlight, progress, signal } = options;
  // Every request in flight listens to it.
  setMaxListeners(0, signal);
  const http = createHttp(inFlight);
  try {
    const { commandApi, tokens } = await findApi(options, http.send, signal);
    // Read to its end before anything is sent: an export that is broken should not come to be half here.
    const total = source.rereadable ? (await planImport(options)).items : 0;
    const attempts = { retried: limitNotice(progress) };
    const sender = new CommandSender({
      commandApi,
      http: http.send,
      tokens,
      attempts,
      answered: () => {},
      signal,
    });
    return await send(options, sender, total).catch(sayHowToGoOn);
  } finally {
    http.close();
  }
}

function sayHowToGoOn(error: unknown): never {
  if (!(error instanceof Unavailable)) throw error;
  throw new Unavailable(`${error.message}\nThe same command goes on where this one was.`);
}

async function send(options: ImportOptions, sender: CommandSender, total: number): Promise<ImportTally> {
  const { source, inFlight, keepUnread, progress, signal } = options;
  const tally = new ImportTally();
  await namePeople(options, sender, tally);
  const bar = progress.start('importing', total, () => describe(tally));
  const played = (): void => {
    if (total === 0) bar.expect(tally.items);
    bar.advance();
  };
  const record = (step: Step, answer: StepAnswer, { place, script }: Taken): void => {
    if (step.type === 'messages.read' && (answer.kind === 'accepted' || NOT_IN.has(answer.code))) return;
    if (step.type === 'message.send' && answer.kind === 'accepted') script.stored(answer.ordinal ?? 0);
    tally.answer(script.conversation.type, step, answer, place);
    if (answer.kind === 'refused' && tally.refused <= 10) {
      progress.warn(`${place}: ${step.type} was refused: ${answer.code}, ${answer.detail}`);
    }
  };
  const take = async (turn: Turn, taken: Taken): Promise<void> => {
    for (const [index, answer] of (await sender.send(turn)).entries()) {
      despair(answer, turn.actor);
      const step = turn.steps[index];
      if (step) record(step, answer, taken);
    }
  };
  try {
    await playSource({ source, tally, inFlight, keepUnread, take, played, signal });
  } finally {
    bar.stop();
  }
  return tally;
}

async function namePeople(
  { source, inFlight, progress, signal }: ImportOptions,
  sender: CommandSender,
  tally: ImportTally,
): Promise<void> {
  const { people } = source;
  if (people.length === 0) return;
  const bar = progress.start('naming people', people.length);
  try {
    await inParallel(people, inFlight, (person) => name(person, sender, tally, bar.advance), signal);
  } finally {
    bar.stop();
  }
}

/** Once for each name: who changes theirs here keeps it, whatever is imported again. */
async function name(
  { userId, displayName }: Person,
  sender: CommandSender,
  tally: ImportTally,
  done: () => void,
): Promise<void> {
  const key = commandIdOf(userId, 0, LONG_AGO_MS, JSON.stringify(['name', displayName]));
  const step = { key, type: 'user.set-profile', data: { displayName } } as const;
  for (const answer of await sender.send({ actor: userId, steps: [step] })) {
    despair(answer, userId);
    if (answer.kind === 'refused') {
      tally.refuse({ place: userId, command: step.type, code: answer.code, detail: answer.detail });
    }
  }
  done();
}

function despair(answer: StepAnswer, user: string): void {
  if (answer.kind === 'accepted' || !HOPELESS.has(answer.code)) return;
  throw new Unavailable(`The API does not accept the token of ${user}: ${answer.code}, ${answer.detail}`);
}

function describe(tally: ImportTally): string {
  const made = tally.count('messages', 'made') + tally.count('replies', 'made');
  const refused = tally.refused > 0 ? `, ${counted(tally.refused, 'command')} refused` : '';
  return `${counted(made, 'new message')}${refused}`;
}

/** Says once why it is slow. */
function limitNotice(progress: Progress): (cause: 'limited' | 'unavailable', waitMs: number) => void {
  let told = false;
  return (cause, waitMs) => {
    if (told || cause !== 'limited') return;
    told = true;
    progress.warn(
      `commands per user are limited: waiting as told (now ${Math.ceil(waitMs / 1_000)} s) and going on. ` +
        'RATE_COMMANDS_PER_MINUTE of the command API raises the limit.',
    );
  };
}
