import {
  type CommitItem,
  type ConversationEvent,
  type EventData,
  formatPosition,
  isConversationEvent,
  isKnown,
  isUserEvent,
  parsePosition,
  type RecordedEvent,
  type UserEvent,
} from '@parley/contracts';

/** Who looks: what they see depends on it. */
export interface Viewer {
  userId: string;
  /** Their preference; a conversation that they archived comes back with its next message. */
  unarchiveOnMessage: boolean;
}

export type CursorEntry = EventData<'cursors.advanced'>['entries'][number];

/** Where a fold of one conversation stands. */
interface Place {
  conversationId: string;
  version: number;
  asOf: string;
}

/** An event with what it needs to be folded; `version` is missing versions when not the next one. */
type Fact =
  | { kind: 'conversation'; event: ConversationEvent | null; version: number; again: RecordedEvent | null }
  | { kind: 'cursor'; entry: CursorEntry }
  | { kind: 'own'; event: UserEvent };

/**
 * What a commit tells of one conversation that its model does not reflect yet: the conversation's events beyond the
 * version, cursors and the viewer's own events beyond the position. `event` is null for a type this build does not know,
 * and for one that is reflected already: that one is in `again`, since cursors before it may not have been.
 */
export function factsOf({ seq, events }: CommitItem, { conversationId, version, asOf }: Place): Fact[] {
  const subject = `conversation/${conversationId}`;
  const isNew = seq > (parsePosition(asOf)?.sequence ?? 0);
  return events.flatMap((event): Fact[] => {
    if (event.subject === subject) {
      const known = event.version ?? 0;
      if (known <= version)
        return isNew ? [{ kind: 'conversation', event: null, version, again: event }] : [];
      const folded = isConversationEvent(event) ? event : null;
      return [{ kind: 'conversation', event: folded, version: known, again: null }];
    }
    if (!isNew || !isKnown(event)) return [];
    if (event.type === 'cursors.advanced') {
      return event.data.entries
        .filter((entry) => entry.conversationId === conversationId)
        .map((entry) => ({ kind: 'cursor', entry }));
    }
    if (!isUserEvent(event)) return [];
    const about = 'conversationId' in event.data ? event.data.conversationId : null;
    return about === conversationId ? [{ kind: 'own', event }] : [];
  });
}

/** The later of a position and a commit's place in the same log. */
export function positionAfter(asOf: string, sequence: number): string {
  const position = parsePosition(asOf);
  return position && position.sequence < sequence ? formatPosition(position.epoch, sequence) : asOf;
}

/** The conversations that a commit is about, and whether one that is not in the inbox may come into it by that. */
export function conversationsIn({ events }: CommitItem): Map<string, boolean> {
  const named = new Map<string, boolean>();
  const note = (id: string, appears: boolean): void => {
    named.set(id, appears || (named.get(id) ?? false));
  };
  for (const event of events) {
    if (!isKnown(event)) {
      const [kind, id] = event.subject.split('/');
      if (kind === 'conversation' && id) note(id, false);
    } else if (isConversationEvent(event)) {
      note(event.subject.slice('conversation/'.length), APPEARING.has(event.type));
    } else if (event.type === 'cursors.advanced') {
      for (const entry of event.data.entries) note(entry.conversationId, false);
    } else if (isUserEvent(event) && 'conversationId' in event.data) {
      note(event.data.conversationId, event.type === 'inbox.unarchived');
    }
  }
  return named;
}

const APPEARING = new Set(['conversation.created', 'members.added', 'message.sent', 'inbox.unarchived']);
