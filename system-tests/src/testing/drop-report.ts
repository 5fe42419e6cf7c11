import { conversationSubject, decodeCommit } from '@parley/contracts';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import type { Backend } from './backend.ts';
import type { Arrival, DropClient } from './drop-client.ts';

export interface DropReport {
  clients: number;
  accepted: number;
  deliveries: number;
  cutConnections: number;
  opened: number;
  /** Sockets opened on another gateway than the client's one before. */
  moved: number;
  resets: string[];
  lost: number;
  duplicated: number;
  reordered: number;
  /** Of other people's conversations, or not in the log at all. */
  foreign: number;
  undetected: string[];
  /** Commands that were answered but are not in the log exactly once. */
  badlyStored: number;
}

export function summary(report: DropReport): string {
  const { clients, accepted, deliveries, cutConnections, opened, moved, resets } = report;
  const { lost, duplicated, reordered, undetected, foreign } = report;
  return (
    `${clients} clients, ${accepted} messages, ${deliveries} deliveries, ${cutConnections} connections cut, ` +
    `${opened} sockets opened, ${moved} on the other gateway, ${resets.length} resets: ` +
    `lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, foreign ${foreign}, undetected gaps ${undetected.length}\n`
  );
}

interface StoredEvent extends Arrival {
  messageId: string | undefined;
}

type Truth = ReadonlyMap<string, readonly StoredEvent[]>;

/** What the log holds of the rooms after their creation, in log order. */
export async function readTruth(
  { backend, replicas }: { backend: Backend; replicas: 1 | 3 },
  rooms: readonly string[],
): Promise<Truth> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const opened = await openEventLog({ natsUrl: backend.natsUrl, replicas, name: 'test', logger });
  try {
    const truth = new Map<string, StoredEvent[]>();
    for (const room of rooms) truth.set(room, await readRoom(opened.log, room));
    return truth;
  } finally {
    await opened.close();
  }
}

async function readRoom(log: EventLog, room: string): Promise<StoredEvent[]> {
  const subject = conversationSubject(room);
  const last = await log.lastSequence(subject);
  const events: StoredEvent[] = [];
  // A replica that lags gives less than the leader has.
  while (events.at(-1)?.sequence !== last) {
    events.length = 0;
    for await (const page of log.read(subject, 0)) {
      for (const { sequence, payload } of page) {
        for (const { id, version = 0, data } of decodeCommit(payload)) {
          const { messageId } = data as { messageId?: string };
          events.push({ sequence, version, id, room, messageId });
        }
      }
    }
  }
  return events.filter((event) => event.version > 1);
}

/** Holds what every client was given against what the log says it should have been given. */
export function compareWithLog(
  clients: readonly DropClient[],
  { truth, accepted, cutConnections }: { truth: Truth; accepted: readonly string[]; cutConnections: number },
): DropReport {
  const report: DropReport = {
    clients: clients.length,
    accepted: accepted.length,
    deliveries: 0,
    cutConnections,
    opened: 0,
    moved: 0,
    resets: [],
    lost: 0,
    duplicated: 0,
    reordered: 0,
    foreign: 0,
    undetected: [],
    badlyStored: badlyStored(truth, accepted),
  };
  for (const client of clients) {
    if (client.fault) throw client.fault;
    const due = new Set(client.rooms.flatMap((room) => truth.get(room)?.map((event) => event.id) ?? []));
    const came = new Set(client.arrivals.map((arrival) => arrival.id));
    report.deliveries += client.arrivals.length;
    report.opened += client.opened;
    report.moved += client.moved;
    report.resets.push(...client.resets);
    report.undetected.push(...client.undetected);
    report.lost += [...due].filter((id) => !came.has(id)).length;
    report.foreign += [...came].filter((id) => !due.has(id)).length;
    report.duplicated += client.arrivals.length - came.size;
    report.reordered += client.arrivals.filter((arrival, index) => {
      const before = client.arrivals[index - 1];
      return before !== undefined && arrival.sequence < before.sequence;
    }).length;
  }
  return report;
}

function badlyStored(truth: Truth, accepted: readonly string[]): number {
  const counts = new Map<string | undefined, number>();
  for (const { messageId } of [...truth.values()].flat()) {
    counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
  }
  return (
    accepted.filter((id) => counts.get(id) !== 1).length + Math.abs(counts.size - new Set(accepted).size)
  );
}
