import type { CommandInput, MessageView } from '@parley/contracts';
import type { CommandFault } from '../outbox/outbox-state.ts';
import type { Send } from './sends.ts';

/** One line of a conversation. The `key` of a message that is sent here stays the same from the first moment on. */
export type MessageRow =
  | { readonly kind: 'sent'; readonly key: string; readonly message: MessageView }
  /** On its way; `fault` says why it has to be tried again. */
  | {
      readonly kind: 'pending';
      readonly key: string;
      readonly data: CommandInput<'message.send'>;
      readonly fault: CommandFault | null;
    }
  /** Refused: `retry` or `discard` it in the outbox. */
  | {
      readonly kind: 'failed';
      readonly key: string;
      readonly data: CommandInput<'message.send'>;
      readonly fault: CommandFault | null;
    };

/** A message or a send always has the same row, so that what is drawn once is not drawn again. */
export class MessageRows {
  readonly #rows = new WeakMap<MessageView | Send, MessageRow>();

  /** Messages in their order, then what is on its way; nothing twice. */
  of(messages: readonly MessageView[], sends: readonly Send[]): readonly MessageRow[] {
    const rows = messages.map((message) => this.#row(message, () => sentRow(message)));
    if (sends.length === 0) return rows;
    const shown = new Set(messages.map(({ messageId }) => messageId));
    const waiting = sends.filter(({ key }) => !shown.has(key));
    return [...rows, ...waiting.map((send) => this.#row(send, () => waitingRow(send)))];
  }

  #row(of: MessageView | Send, make: () => MessageRow): MessageRow {
    const known = this.#rows.get(of);
    if (known) return known;
    const row = make();
    this.#rows.set(of, row);
    return row;
  }
}

function sentRow(message: MessageView): MessageRow {
  return { kind: 'sent', key: message.messageId, message };
}

function waitingRow({ key, data, state, fault }: Send): MessageRow {
  return { kind: state === 'refused' ? 'failed' : 'pending', key, data, fault };
}
