import type { z } from 'zod';
import { UsageError } from '../../run-command.ts';
import { shortText } from '../body.ts';
import { ByteBudget } from '../byte-budget.ts';
import { ConversationScript } from '../conversation-script.ts';
import { fieldFault } from '../field-fault.ts';
import type { ImportSource, Round } from '../import-source.ts';
import type { Conversation, Item, Person, SkippedItem } from '../item.ts';
import { refuseUnknown } from '../refuse-unknown.ts';
import type { UserMap } from '../user-map.ts';
import type { ExportFiles } from './export-files.ts';
import { openExport } from './open-export.ts';
import { itemsOf, type SlackDirectory, timeOfTs } from './slack-message.ts';
import {
  type SlackConversation,
  type SlackUser,
  slackConversationSchema,
  slackUserSchema,
} from './slack-schemas.ts';
import { LISTS, prefixOf, sortFiles } from './sort-files.ts';

/** Files of days that are in memory at once, as they are on disk; parsed they take several times that. */
const BYTES_AT_ONCE = 128 * 1024 * 1024;
const LONGEST_NAME = 100;

export interface SlackOptions {
  /** User ids of Slack's ids; who is not in it gets an id of their own. */
  users: UserMap;
  owner: string;
  /** Names or ids; all when it is empty. */
  only: readonly string[];
}

interface Home {
  conversation: Conversation;
  days: readonly string[];
}

/** Opens an export and reads its lists. Rejects with UsageError when it is none. */
export async function openSlackExport(path: string, options: SlackOptions): Promise<ImportSource> {
  const files = await openExport(path);
  try {
    const source = new SlackExport(path, files, options);
    await source.readLists();
    return source;
  } catch (error) {
    await files.close();
    throw error;
  }
}

class SlackExport implements ImportSource {
  readonly rereadable = true;
  #named: Person[] = [];
  readonly #skipped: SkippedItem[] = [];
  readonly #path: string;
  readonly #files: ExportFiles;
  readonly #options: SlackOptions;
  readonly #budget = new ByteBudget(BYTES_AT_ONCE);
  /** A folder that somebody packed whole: the lists are in it, and so is all else. */
  readonly #prefix: string;
  readonly #bots = new Map<string, string>();
  readonly #listed = new Set<string>();
  readonly #channelNames = new Map<string, string>();
  #homes: Home[] = [];

  constructor(path: string, files: ExportFiles, options: SlackOptions) {
    this.#path = path;
    this.#files = files;
    this.#options = options;
    const prefix = prefixOf(files.sizes.keys());
    if (prefix === null) throw new UsageError(`${path}: there is no users.json, so it is no Slack export.`);
    this.#prefix = prefix;
  }

  get people(): readonly Person[] {
    return this.#named;
  }

  async readLists(): Promise<void> {
    for (const user of await this.#list('users.json', slackUserSchema)) this.#meet(user);
    const { folders, strays } = sortFiles(this.#files.sizes.keys(), this.#prefix);
    const listed: { type: Conversation['type']; of: SlackConversation }[] = [];
    for (const [list, type] of Object.entries(LISTS)) {
      for (const of of await this.#list(`${list}.json`, slackConversationSchema)) {
        if (of.name) this.#channelNames.set(of.id, of.name);
        listed.push({ type, of });
      }
    }
    const twice = namedTwice(listed.map(({ of }) => of.name));
    for (const { type, of } of listed) {
      const names = [of.name, of.id].filter((name) => name != null);
      const days = names.flatMap((name) => folders.get(name) ?? []).sort();
      if (!this.#isWanted(names)) continue;
      // The days are of one of them, and what was said in private must not come to be public.
      if (of.name && twice.has(of.name)) this.#lose(of.id, `another conversation is called ${of.name} too`);
      else this.#homes.push(...this.#home(type, of, days));
    }
    for (const { of } of listed) for (const name of [of.name, of.id]) folders.delete(name ?? '');
    if (this.#options.only.length > 0) {
      const ids = new Set(listed.map(({ of }) => of.id));
      refuseUnknown(this.#options.only, new Set(listed.map(({ of }) => of.name || of.id)), ids);
      this.#keepWanted();
    } else {
      const lists = Object.keys(LISTS).map((list) => `${list}.json`);
      for (const folder of folders.keys()) this.#lose(folder, `in none of ${lists.join(', ')}`);
      for (const name of strays) this.#lose(name, 'unknown file');
    }
    // The longest begin first: whoever comes last is waited for alone.
    this.#homes = this.#homes.toSorted((a, b) => this.#bytesOf(b) - this.#bytesOf(a));
  }

  async *rounds(): AsyncGenerator<Round> {
    const jobs = this.#homes.map(({ conversation, days }) => ({
      script: new ConversationScript(conversation, this.#options.owner, timeOfTs),
      items: this.#items(days),
      first: true,
      last: true,
    }));
    yield { jobs, skipped: this.#skipped };
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  async *#items(days: readonly string[]): AsyncGenerator<Item> {
    for (const day of days) {
      const giveBack = await this.#budget.take(this.#files.sizes.get(day) ?? 0);
      try {
        const messages = (await this.#json(day)).map((value, index) => ({ value, index }));
        messages.sort((a, b) => tsOf(a.value) - tsOf(b.value));
        const file = day.slice(this.#prefix.length);
        for (const { value, index } of messages) yield* itemsOf(value, file, index, this.#directory);
      } finally {
        giveBack();
      }
    }
  }

  readonly #directory: SlackDirectory = {
    user: (slackId) => this.#userOf(slackId),
    channel: (slackId) => this.#channelNames.get(slackId),
    userOfBot: (botId) => this.#bots.get(botId),
    isListed: (slackId) => this.#listed.has(slackId),
  };

  #userOf(slackId: string): string {
    return this.#options.users.get(slackId) ?? `slack-${slackId}`;
  }

  /** Names are given to those who get ids of their own: somebody who is here already keeps theirs. */
  #meet({ id, name, real_name, profile }: SlackUser): void {
    this.#listed.add(id);
    if (profile?.bot_id) this.#bots.set(profile.bot_id, id);
    const named = profile?.display_name || profile?.real_name || real_name || name || '';
    const displayName = shortText(named, LONGEST_NAME);
    if (displayName !== undefined && !this.#options.users.has(id)) {
      this.#named.push({ userId: this.#userOf(id), displayName });
    }
  }

  /** A part of an export needs names for its members only. */
  #keepWanted(): void {
    const members = new Set(this.#homes.flatMap(({ conversation }) => conversation.finalMembers ?? []));
    this.#named = this.#named.filter(({ userId }) => members.has(userId));
  }

  #home(type: Conversation['type'], of: SlackConversation, days: readonly string[]): Home[] {
    const members = of.members ? [...new Set(of.members.map((id) => this.#userOf(id)))] : null;
    if (type === 'direct' && members?.length !== 2) {
      this.#lose(of.id, 'direct conversation that is not between two people');
      return [];
    }
    const creator = of.creator ? this.#userOf(of.creator) : undefined;
    const conversation: Conversation = {
      key: `slack ${of.id}`,
      type,
      title: of.name ?? undefined,
      description: of.purpose?.value || of.topic?.value || undefined,
      members: type === 'direct' ? (members ?? []) : [],
      ...(creator !== undefined && members?.includes(creator) && { creator }),
      finalMembers: members,
      archived: of.is_archived === true,
    };
    return [{ conversation, days }];
  }

  #isWanted(names: readonly string[]): boolean {
    const { only } = this.#options;
    return only.length === 0 || names.some((name) => only.includes(name));
  }

  #bytesOf({ days }: Home): number {
    return days.reduce((total, day) => total + (this.#files.sizes.get(day) ?? 0), 0);
  }

  #lose(place: string, reason: string): void {
    this.#skipped.push({ kind: 'skipped', place, reason, loss: true });
  }

  /** Entries of a list; those that are none are skipped, with their place. A list that is not there has none. */
  async #list<T extends z.ZodType>(name: string, schema: T): Promise<z.output<T>[]> {
    if (!this.#files.sizes.has(this.#prefix + name)) return [];
    const entries: z.output<T>[] = [];
    for (const [index, value] of (await this.#json(this.#prefix + name)).entries()) {
      const parsed = schema.safeParse(value);
      if (parsed.success) entries.push(parsed.data);
      else this.#lose(`${name}:${index}`, fieldFault(value, parsed.error));
    }
    return entries;
  }

  async #json(name: string): Promise<unknown[]> {
    const where = `${this.#path}: ${name}`;
    const bytes = await this.#files.read(name);
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      throw new UsageError(`${where}: ${(error as Error).message}`);
    }
    if (!Array.isArray(value)) throw new UsageError(`${where}: must be a list.`);
    return value;
  }
}

function namedTwice(names: readonly (string | null | undefined)[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) if (name) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

/** What has no time keeps its place at the beginning. */
function tsOf(value: unknown): number {
  return Number((value as { ts?: unknown } | null)?.ts) || 0;
}
