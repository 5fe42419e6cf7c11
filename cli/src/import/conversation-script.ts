import { directConversationId } from '@parley/contracts';
import { commandIdOf, conversationIdOf } from '../demo/ids.ts';
import type { Step, Turn } from '../demo/script.ts';
import { bodiesOf, shortText } from './body.ts';
import type { Conversation, MessageItem, MoveItem, SkippedItem } from './item.ts';
import { type References, referencesOf } from './references.ts';
import { Threads } from './threads.ts';
import { digest, inParts, merged } from './turns.ts';

const LONGEST_TITLE = 200;
const LONGEST_DESCRIPTION = 2_000;
/** Of what is not said at a time: any moment that is long past. */
const LONG_AGO_MS = Date.UTC(2004, 0);

/** What became of an item: turns to take in order, and what of it could not be kept as it was. */
export interface Played {
  turns: Turn[];
  /** It is not complete: nothing at all comes of it when there are no turns. */
  skipped: SkippedItem[];
  /** In words: parts that were kept in another form. */
  changed: string[];
}

/**
 * A conversation of a source as commands. Deterministic: the same items give the same commands with the same keys, so
 * that a second run finds them all done. Nobody joins who is in, and nobody leaves who is not: a no-op leaves no trace in
 * the log, so its repetition would be decided against a later state.
 */
export class ConversationScript {
  readonly conversation: Conversation;
  readonly conversationId: string;
  readonly #owner: string;
  readonly #timeOf: (id: string) => number;
  readonly #members: Set<string>;
  readonly #threads = new Threads();
  #newest = 0;

  /** `owner` makes and owns channels and groups. `timeOf` a message's id: the same whenever the id is the same. */
  constructor(conversation: Conversation, owner: string, timeOf: (id: string) => number) {
    const { key, type, members } = conversation;
    this.conversation = conversation;
    this.#owner = owner;
    this.#timeOf = timeOf;
    const [one = '', other = ''] = members;
    this.conversationId = type === 'direct' ? directConversationId(one, other) : conversationIdOf(key);
    this.#members = new Set(type === 'direct' ? members : []);
  }

  open(): Turn[] {
    const { type, members } = this.conversation;
    const [one = '', other = ''] = members;
    if (type === 'direct') {
      const data = { type, members: [{ userId: other }] };
      return [{ actor: one, steps: [{ key: this.#key('create'), type: 'conversation.create', data }] }];
    }
    this.#members.add(this.#owner);
    const data = { type, conversationId: this.conversationId };
    const create = { key: this.#key('create'), type: 'conversation.create', data } as const;
    return merged([{ actor: this.#owner, steps: [create, ...this.#describe()] }, ...this.#addFounders()]);
  }

  play(item: MessageItem | MoveItem): Played {
    if (item.kind === 'message') return this.#say(item);
    const turns = item.kind === 'join' ? this.#enter(item.user, item.id) : this.#leave(item);
    return { turns, skipped: [], changed: [] };
  }

  /** After the last item: who is in and who is not, as the source says. */
  close(): Turn[] {
    const { finalMembers, archived, type } = this.conversation;
    if (type === 'direct') return [];
    const final = new Set(finalMembers ?? this.#members);
    const late = [...final].filter((user) => !this.#members.has(user));
    const gone = [...this.#members].filter((user) => !final.has(user) && user !== this.#owner);
    for (const user of gone) this.#members.delete(user);
    const { conversationId } = this;
    const steps: Step[] = inParts(gone).map((userIds) => {
      const key = this.#key('remove', digest(userIds));
      return { key, type: 'members.remove', data: { conversationId, userIds } };
    });
    if (archived) {
      steps.push({ key: this.#key('archive'), type: 'conversation.archive', data: { conversationId } });
    }
    return merged([...this.#add(late, 'member', 'at the end'), { actor: this.#owner, steps }]);
  }

  /** A message was stored as the one of that ordinal. */
  stored(ordinal: number): void {
    this.#newest = Math.max(this.#newest, ordinal);
  }

  /**
   * After all else: who is in has read what was stored, in private, since nobody knows whether they have. Nothing to read
   * when nothing was stored.
   */
  *read(): Generator<Turn> {
    const { conversationId } = this;
    const [ordinal, behind] = [this.#newest, this.#threads.behind()];
    if (ordinal === 0) return;
    for (const actor of this.#members) {
      const threads = (behind.get(actor) ?? []).map((id) => ({ threadId: this.#messageId(id, 0) }));
      const places = [{}, ...threads].map((place) => ({ conversationId, ordinal, private: true, ...place }));
      const steps = places.map((data): Step => {
        return { key: this.#key('read', actor, JSON.stringify(data)), type: 'messages.read', data };
      });
      yield* merged(steps.map((step) => ({ actor, steps: [step] })));
    }
  }

  /** Not part of the creation: a source may be imported again after a conversation was renamed in it. */
  #describe(): Step[] {
    const title = shortText(this.conversation.title, LONGEST_TITLE);
    const description = shortText(this.conversation.description, LONGEST_DESCRIPTION);
    if (title === undefined && description === undefined) return [];
    const named = {
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
    };
    const data = { conversationId: this.conversationId, ...named };
    return [{ key: this.#key('describe', digest(named)), type: 'conversation.update', data }];
  }

  #addFounders(): Turn[] {
    const { creator, members } = this.conversation;
    const owners = creator === undefined ? [] : [creator];
    return [...this.#add(owners, 'owner', 'at first'), ...this.#add(members, 'member', 'at first')];
  }

  #add(users: readonly string[], role: 'owner' | 'member', when: 'at first' | 'at the end'): Turn[] {
    const missing = [...new Set(users)].filter((user) => !this.#members.has(user));
    return inParts(missing).map((part) => {
      for (const user of part) this.#members.add(user);
      const members = part.map((userId) => ({ userId, ...(role === 'owner' && { role }) }));
      const data = { conversationId: this.conversationId, members };
      const step = { key: this.#key('add', when, digest(members)), type: 'members.add', data } as const;
      return { actor: this.#owner, steps: [step] };
    });
  }

  /** Before the first word of somebody who was not seen coming, too. */
  #enter(user: string, id: string): Turn[] {
    if (this.#members.has(user) || this.conversation.type === 'direct') return [];
    this.#members.add(user);
    const { conversationId } = this;
    const key = this.#key('enter', id, user);
    if (this.conversation.type === 'channel') {
      return [{ actor: user, steps: [{ key, type: 'conversation.join', data: { conversationId } }] }];
    }
    const data = { conversationId, members: [{ userId: user }] };
    return [{ actor: this.#owner, steps: [{ key, type: 'members.add', data }] }];
  }

  #leave({ user, id }: MoveItem): Turn[] {
    const { type } = this.conversation;
    if (type === 'direct' || user === this.#owner || !this.#members.delete(user)) return [];
    const data = { conversationId: this.conversationId };
    return [
      { actor: user, steps: [{ key: this.#key('leave', id, user), type: 'conversation.leave', data }] },
    ];
  }

  #say(item: MessageItem): Played {
    const { user, id, place } = item;
    const skip = (reason: string, loss: boolean): SkippedItem => ({ kind: 'skipped', place, reason, loss });
    if (this.#isStranger(user)) {
      return { turns: [], skipped: [skip('author is neither of a direct conversation', true)], changed: [] };
    }
    const bodies = bodiesOf(item.text);
    if (bodies.length === 0) return { turns: [], skipped: [skip('nothing to say', false)], changed: [] };
    // In the order of what happens: whoever enters to speak is in when they react.
    const enter = this.#enter(user, id);
    const { refers, changed } = referencesOf(item, this.#threads, (id) => this.#messageId(id, 0));
    const { thread } = item;
    if (thread !== undefined && refers.threadId) this.#threads.reply(thread, user, item.text, this.#members);
    if (bodies.length > 1) changed.push('long text in parts');
    const parts = bodies.map((body, part) => ({
      actor: user,
      steps: [this.#send(item, refers, body, part)],
    }));
    // Long texts one request each: a hundred in one would be more than a request may hold.
    const said = [...merged([...enter, ...parts.slice(0, 1)]), ...parts.slice(1)];
    if (item.answerable) this.#threads.remember(id, user);
    const { turns, skipped } = this.#react(item, skip);
    return { turns: [...said, ...this.#deletion(item), ...turns], skipped, changed };
  }

  #send({ id, imported }: MessageItem, refers: References, body: string, part: number): Step {
    const { threadId, replyTo, lost } = refers;
    const metadata = { imported: { ...imported, ...lost, ...(part > 0 && { part: String(part + 1) }) } };
    // Parts after the first are in the same thread, but answer nothing.
    const data = {
      conversationId: this.conversationId,
      body,
      ...(threadId !== undefined && { threadId }),
      ...(replyTo !== undefined && part === 0 && { replyTo }),
      metadata,
    };
    return { key: this.#messageId(id, part), type: 'message.send', data };
  }

  #deletion({ deleted, id, user }: MessageItem): Turn[] {
    if (!deleted) return [];
    const data = { conversationId: this.conversationId, messageId: this.#messageId(id, 0) };
    return [{ actor: user, steps: [{ key: this.#key('delete', id), type: 'message.delete', data }] }];
  }

  #react(
    { id, reactions = [], deleted }: MessageItem,
    skip: (reason: string, loss: boolean) => SkippedItem,
  ): { turns: Turn[]; skipped: SkippedItem[] } {
    const turns: Turn[] = [];
    const skipped: SkippedItem[] = [];
    const done = new Set<string>();
    const target = { conversationId: this.conversationId, messageId: this.#messageId(id, 0) };
    for (const { user, emoji } of deleted ? [] : reactions) {
      const key = this.#key('react', id, user, emoji);
      if (done.has(key)) continue;
      done.add(key);
      if (this.#isStranger(user)) {
        skipped.push(skip('reaction by neither of a direct conversation', true));
        continue;
      }
      const step = { key, type: 'message.react', data: { ...target, emoji } } as const;
      turns.push(...this.#enter(user, id), { actor: user, steps: [step] });
    }
    return { turns: merged(turns), skipped };
  }

  #isStranger(user: string): boolean {
    return this.conversation.type === 'direct' && !this.#members.has(user);
  }

  #messageId(id: string, part: number): string {
    return commandIdOf(this.conversation.key, part, this.#timeOf(id), JSON.stringify(['send', id]));
  }

  #key(...purpose: string[]): string {
    return commandIdOf(this.conversation.key, 0, LONG_AGO_MS, JSON.stringify(purpose));
  }
}
