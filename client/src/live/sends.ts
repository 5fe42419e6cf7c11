import type { CommandInput, CommitItem } from '@parley/contracts';
import type { CommandFault, OutboxEntry } from '../outbox/outbox-state.ts';

/** A message on its way. Its key will be the message's id, and the `commandid` of the event that brings it. */
export interface Send {
  readonly key: string;
  readonly data: CommandInput<'message.send'>;
  /** `accepted`: in the log, and not yet come by the subscription. */
  readonly state: OutboxEntry['state'] | 'accepted';
  readonly fault: CommandFault | null;
}

export interface Sends {
  /** In the order in which they were sent. */
  readonly list: readonly Send[];
  /** Come by the subscription, while the outbox or `list` still holds them. */
  readonly arrived: ReadonlySet<string>;
  /** Gone from the outbox before anybody looked: given up, or heard of there before the commit comes here. */
  readonly gone: readonly Send[];
}

export const NO_SENDS: Sends = { list: [], arrived: new Set(), gone: [] };

/**
 * What the outbox holds now. What was on its way and is gone has been accepted: it stays until it comes by. Anything else
 * that is gone was given up, unless its commit comes before anybody looks.
 */
export function takeOutbox({ list, arrived, gone }: Sends, held: readonly Send[]): Sends {
  const keys = new Set(held.map(({ key }) => key));
  const left = list.filter(({ key }) => arrived.has(key) || !keys.has(key));
  const isOver = ({ key, state }: Send) => !arrived.has(key) && (state === 'queued' || state === 'refused');
  const accepted = left
    .filter((send) => !isOver(send))
    .map((send): Send => {
      return send.state === 'sending' && !arrived.has(send.key) ? { ...send, state: 'accepted' } : send;
    });
  // The same object while nothing changed: what is drawn from it is not drawn again.
  const known = new Map(list.map((send) => [send.key, send]));
  const waiting = held.map((send) => {
    const before = known.get(send.key);
    return before && before.state === send.state && before.fault === send.fault ? before : send;
  });
  for (const { key } of accepted) keys.add(key);
  return {
    list: [...accepted, ...waiting.filter(({ key }) => !arrived.has(key))],
    arrived: new Set([...arrived].filter((key) => keys.has(key))),
    gone: [...gone, ...left.filter(isOver)],
  };
}

/** The event with the key takes the place of the local row as soon as the page has it, whatever became of the answer. */
export function takeArrived(sends: Sends, { events }: CommitItem): Sends {
  const { list, arrived, gone } = sends;
  const came = new Set(events.flatMap(({ commandid }) => (commandid === undefined ? [] : [commandid])));
  const back = gone.filter(({ key }) => came.has(key));
  const here = [...back, ...list].filter(({ key }) => came.has(key)).map(({ key }) => key);
  if (here.length === 0) return sends;
  return {
    list: [...back, ...list],
    arrived: new Set([...arrived, ...here]),
    gone: gone.filter(({ key }) => !came.has(key)),
  };
}

/** For when all that came in together is taken: without what came by, but for what the page does not have yet. */
export function withoutArrived({ list, arrived }: Sends, isMissing: (send: Send) => boolean): Sends {
  return { list: list.filter((send) => !arrived.has(send.key) || isMissing(send)), arrived, gone: [] };
}

/** They will not come by: the page was loaded anew after they were accepted, or they were taken back. */
export function withoutSends(sends: Sends, keys: ReadonlySet<string>): Sends {
  if (!sends.list.some(({ key }) => keys.has(key))) return sends;
  return { ...sends, list: sends.list.filter(({ key }) => !keys.has(key)) };
}
