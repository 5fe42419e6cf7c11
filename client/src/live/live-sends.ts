import type { CommandInput, CommitItem } from '@parley/contracts';
import type { Outbox } from '../outbox/outbox.ts';
import {
  NO_SENDS,
  type Send,
  type Sends,
  takeArrived,
  takeOutbox,
  withoutArrived,
  withoutSends,
} from './sends.ts';

export interface LiveSendsOptions {
  changed(): void;
  /** A message is in the outbox, and was not before. */
  sent(conversationId: string): void;
}

/** The messages of the outbox, until the subscription brings them. */
export class LiveSends {
  readonly #ended: () => void;
  #sends: Sends = NO_SENDS;

  constructor(outbox: Outbox, { changed, sent }: LiveSendsOptions) {
    let known = new Set<string>();
    const look = (): void => {
      const held = heldBy(outbox);
      for (const { key, data } of held) if (!known.has(key)) sent(data.conversationId);
      known = new Set(held.map(({ key }) => key));
      this.#sends = takeOutbox(this.#sends, held);
      changed();
    };
    this.#ended = outbox.listen(look);
    look();
  }

  stop(): void {
    this.#ended();
  }

  in(conversationId: string): readonly Send[] {
    return this.#sends.list.filter(({ data }) => data.conversationId === conversationId);
  }

  acceptedIn(conversationId: string): ReadonlySet<string> {
    const accepted = this.in(conversationId).filter(({ state }) => state === 'accepted');
    return new Set(accepted.map(({ key }) => key));
  }

  take(commit: CommitItem): void {
    this.#sends = takeArrived(this.#sends, commit);
  }

  /** `isMissing`: whether the page that is shown lacks a message, and is being loaded anew. */
  settle(isMissing: (conversationId: string, messageId: string) => boolean): void {
    this.#sends = withoutArrived(this.#sends, ({ key, data }) => isMissing(data.conversationId, key));
  }

  settled(keys: ReadonlySet<string>): void {
    this.#sends = withoutSends(this.#sends, keys);
  }
}

function heldBy(outbox: Outbox): Send[] {
  return outbox.entries.flatMap(({ key, type, data, state, fault }): Send[] =>
    type === 'message.send' ? [{ key, data: data as CommandInput<'message.send'>, state, fault }] : [],
  );
}
