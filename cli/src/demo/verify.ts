import { createClient } from '@parley/client';
import { formatPosition } from '@parley/contracts';
import type { StackAddresses } from '@parley/deploy';
import { createLogger, createPool, type EventLog } from '@parley/runtime';
import type { Progress } from '../progress.ts';
import { conversationsOf, FeedCheck } from './check-feeds.ts';
import type { ExpectedFeed } from './expected-feed.ts';
import { type Check, Findings } from './findings.ts';
import { readIrcLines } from './irc-line.ts';
import type { Listener } from './listener.ts';
import { type FoldedConversation, NaiveFold } from './naive-fold.ts';
import { KEEPER } from './script.ts';
import type { TallyReport } from './tally.ts';
import type { Tokens } from './tokens.ts';
import { verifyAnswers } from './verify-answers.ts';
import { verifyInput } from './verify-input.ts';
import { verifyTables } from './verify-tables.ts';
import { walkLog } from './walk-log.ts';

const SAMPLED_USERS = 300;
const SAMPLED_ROOMS = 10;
const CATCH_UP_MS = 300_000;

export interface VerifyOptions {
  addresses: StackAddresses;
  file: string;
  roomCount?: number | undefined;
  /** Played in. */
  conversationIds: readonly string[];
  /** The log's end after the play. */
  head: number;
  log: EventLog;
  tokens: Tokens;
  listeners: readonly Listener[];
  progress: Progress;
  signal?: AbortSignal | undefined;
}

export interface Verified {
  checks: Check[];
  people: number;
}

/** Everything that must hold after a play, once the read model has it all; each compared with what the log itself says. */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { log, head, progress, conversationIds } = options;
  progress.say('reading the log from its start');
  const { fold, feeds } = await readLog(options);
  const played = new Map<string, FoldedConversation>();
  for (const conversationId of conversationIds) {
    const conversation = fold.conversations.get(conversationId);
    if (conversation) played.set(conversationId, conversation);
  }
  const input = await verifyInput(readIrcLines(options.file, options.roomCount), played);
  progress.say('comparing the read model');
  const tables = await verifyReadModel(options, played);
  const people = peopleOf(played);
  const answers = await verifyAnswers({
    // All of the log: people may be in conversations that another run, or somebody else, made.
    conversations: fold.conversations,
    position: formatPosition(log.epoch, head),
    users: [KEEPER, ...sample(people, SAMPLED_USERS)],
    rooms: sample([...played.keys()], SAMPLED_ROOMS),
    clientOf: (userId) => clientOf(options, userId),
  });
  const checks = [checkLog(fold), input, checkSockets(feeds, options.listeners), ...tables, ...answers];
  return { checks, people: people.length };
}

/** Seconds until the read model has the log's end. */
export async function waitForReadModel(
  options: Pick<VerifyOptions, 'addresses' | 'tokens' | 'log' | 'head'>,
): Promise<number> {
  const { log, head } = options;
  const started = performance.now();
  const limits = { minPosition: formatPosition(log.epoch, head), timeoutMs: CATCH_UP_MS };
  await clientOf(options, KEEPER).unread(limits);
  return (performance.now() - started) / 1_000;
}

async function readLog({ log, head, listeners, signal }: VerifyOptions) {
  const fold = new NaiveFold();
  const check = new FeedCheck(listeners, fold.conversations);
  await walkLog(
    log,
    { after: 0, until: head },
    (sequence, events) => {
      for (const event of events) fold.apply(event);
      check.noteMemberships(sequence, events);
    },
    signal,
  );
  await walkLog(
    log,
    { after: 0, until: head },
    (sequence, events) => check.compare(sequence, events),
    signal,
  );
  return { fold, feeds: check.feeds };
}

function checkLog({ events, flaws }: NaiveFold): Check {
  const name = 'versions and ordinals in the log are dense';
  return { name, compared: events, differences: flaws.length, examples: flaws.slice(0, 5) };
}

function checkSockets(feeds: readonly ExpectedFeed[], listeners: readonly Listener[]): Check {
  const findings = new Findings('sockets that were sent each of their events once, in order');
  const resets = new Map(listeners.map((listener) => [listener.userId, listener.resets]));
  for (const feed of feeds) {
    const { missing, misplaced } = feed.end();
    const refused = resets.get(feed.userId) ?? [];
    const actual = `${missing} missing, ${misplaced} doubled or out of place, ${refused.length} resumes refused`;
    findings.equal(feed.userId, actual, '0 missing, 0 doubled or out of place, 0 resumes refused');
  }
  return findings.done();
}

async function verifyReadModel(
  { addresses }: VerifyOptions,
  played: ReadonlyMap<string, FoldedConversation>,
): Promise<Check[]> {
  const logger = createLogger({ name: 'parley-demo', level: 'silent' });
  const pool = createPool({ url: addresses.postgres, max: 2, name: 'parley-demo', logger });
  try {
    return await verifyTables(pool, played);
  } finally {
    await pool.end();
  }
}

/**
 * Of a run over rooms that had been played before: every command is known again. Cursors have no key in the log: theirs
 * is known by adding nothing, which the log shows.
 */
export async function checkSecondRun(
  { log, head, conversationIds }: Pick<VerifyOptions, 'log' | 'head' | 'conversationIds'>,
  { commands, byType }: TallyReport,
  headAfter: number,
): Promise<Check[]> {
  const known = new Findings('commands recognised in the second run');
  for (const [type, count] of Object.entries(byType)) {
    if (type !== 'messages.read') known.equal(`${type} accepted as new`, count.accepted, 0);
  }
  const ours = new Set(conversationIds);
  const growth = new Findings('commits that the second run added to its rooms');
  await walkLog(log, { after: head, until: headAfter }, (sequence, events) => {
    if (![...conversationsOf(events)].some((id) => ours.has(id))) return;
    growth.differ(`${sequence}: ${events.map((event) => `${event.type} by ${event.actor}`).join(', ')}`);
  });
  return [
    { ...known.done(), compared: commands },
    { ...growth.done(), compared: commands },
  ];
}

/** Everything but what was foreseen is a difference. */
export function checkAnswers(name: string, { commands, unforeseen, surprises }: TallyReport): Check {
  return { name, compared: commands, differences: unforeseen, examples: surprises.slice(0, 5) };
}

function clientOf({ addresses, tokens }: Pick<VerifyOptions, 'addresses' | 'tokens'>, userId: string) {
  return createClient({ ...addresses, token: () => tokens.of(userId) });
}

function peopleOf(played: ReadonlyMap<string, FoldedConversation>): string[] {
  const people = new Set<string>();
  for (const { readers } of played.values()) for (const userId of readers.keys()) people.add(userId);
  people.delete(KEEPER);
  return [...people];
}

function sample<T>(items: readonly T[], most: number): T[] {
  const step = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, index) => index % step === 0);
}
