import { MAX_MEMBERS_WITH_TYPING, TYPING_TTL_MS } from '@parley/contracts';
import type { Signals } from '@parley/runtime';
import { monotonicNow } from './clocks.ts';
import type { Hub } from './hub.ts';
import { bytesOf } from './session/bytes.ts';
import { TypingTable } from './session/typing-table.ts';

const SUBJECT = 'live.typing';
const decoder = new TextDecoder();

/** Who is typing, told to the members who are connected now. Never stored, never waited for, lost when it must be. */
export class Typing {
  readonly #hub: Hub;
  readonly #signals: Signals;
  readonly #table = new TypingTable();
  readonly #stopListening: () => void;

  constructor({ hub, signals }: { hub: Hub; signals: Signals }) {
    this.#hub = hub;
    this.#signals = signals;
    this.#stopListening = signals.listen(SUBJECT, (payload) => this.#hear(payload));
  }

  /** Of members only, in conversations that are not too large; of anybody else it is passed over in silence. */
  say(userId: string, conversation: string, on: boolean): void {
    const { audience } = this.#hub;
    if (!audience.user(userId)?.memberships.has(conversation)) return;
    if ((audience.conversation(conversation)?.memberCount ?? 0) > MAX_MEMBERS_WITH_TYPING) return;
    if (this.#table.say(conversation, userId, on, monotonicNow())) this.#send(conversation, userId, on);
  }

  /** A socket of the user has closed. Says "off" for them unless another one is here, which may be where they type. */
  leave(userId: string): void {
    if (this.#hub.audience.user(userId)) return;
    const now = monotonicNow();
    for (const conversation of this.#table.where(userId, now)) {
      if (this.#table.say(conversation, userId, false, now)) this.#send(conversation, userId, false);
    }
  }

  stop(): void {
    this.#stopListening();
  }

  #send(conversation: string, user: string, on: boolean): void {
    this.#signals.send(SUBJECT, bytesOf(JSON.stringify({ conversation, user, on })));
  }

  #hear(payload: Uint8Array): void {
    const said = readTyping(payload);
    if (!said) return;
    const { conversation, user, on } = said;
    const members = this.#hub.audience.membersOf(conversation);
    if (!members) return;
    this.#table.hear(conversation, user, on, monotonicNow());
    const frame = bytesOf(JSON.stringify({ t: 'typing', conversation, user, on, ttlMs: TYPING_TTL_MS }));
    for (const member of members) {
      if (member.id === user) continue;
      for (const feed of member.sessions) feed.whisper(frame);
    }
  }
}

/** Anybody may publish on the subject who may publish at all: what is not of this form is passed over. */
function readTyping(payload: Uint8Array): { conversation: string; user: string; on: boolean } | null {
  try {
    const said: unknown = JSON.parse(decoder.decode(payload));
    if (typeof said !== 'object' || said === null) return null;
    if (!('conversation' in said && 'user' in said && 'on' in said)) return null;
    const { conversation, user, on } = said;
    if (typeof conversation !== 'string' || typeof user !== 'string' || typeof on !== 'boolean') return null;
    return { conversation, user, on };
  } catch {
    return null;
  }
}
