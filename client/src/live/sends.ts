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
  /** Come by the subscription, while the outbox still holds them. */
  readonly arrived: ReadonlySet<string>;
}

export const NO_SENDS: Sends = { list: [], arrived: new Set() };

/**
 * What the outbox holds now. What was on its way and is gone has been accepted: it stays until it comes by. Anything else
 * that is gone was given up.
 */
export function takeOutbox({ list, arrived }: Sends, held: readonly Send[]): Sends {
  const keys = new Set(held.map(({ key }) => key));
  const accepted = list.flatMap((send): Send[] => {
    if (keys.has(send.key)) return [];
    if (send.state === 'sending') return [{ ...send, state: 'accepted' }];
    return send.state === 'accepted' ? [send] : [];
  });
  // The same object while nothing changed: what is drawn from it is not drawn again.
  const known = new Map(list.map((send) => [send.key, send]));
  const waiting = held.map((send) => {
    const before = known.get(send.key);
    return before && before.state === send.state && before.fault === send.fault ? before : send;
  });
  return {
    list: [...accepted, ...waiting.filter(({ key }) => !arrived.has(key))],
    arrived: new Set([...arrived].filter((key) => keys.has(key))),
  };
}

/** The event with the key takes the place of the local row, whatever became of the answer. */
export function takeArrived(sends: Sends, { events }: CommitItem): Sends {
  const came = new Set(events.flatMap(({ commandid }) => (commandid === undefined ? [] : [commandid])));
  const here = sends.list.filter(({ key }) => came.has(key));
  if (here.length === 0) return sends;
  const held = here.filter(({ state }) => state !== 'accepted').map(({ key }) => key);
  return {
    list: sends.list.filter(({ key }) => !came.has(key)),
    arrived: new Set([...sends.arrived, ...held]),
  };
}

/** They will not come by: the page was loaded anew after they were accepted, or they were taken back. */
export function withoutSends(sends: Sends, keys: ReadonlySet<string>): Sends {
  if (!sends.list.some(({ key }) => keys.has(key))) return sends;
  return { ...sends, list: sends.list.filter(({ key }) => !keys.has(key)) };
}
