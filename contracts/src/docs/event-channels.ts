import { type EventType, isConversationEvent, isUserEvent, type LogEvent } from '../events.ts';

/** Which aggregate an event is a fact of, and so which subject it is on. */
export type Channel = 'conversation' | 'user' | 'reads';

export function channelOf(type: EventType): Channel {
  const event = { type } as LogEvent;
  if (isConversationEvent(event)) return 'conversation';
  return isUserEvent(event) ? 'user' : 'reads';
}
