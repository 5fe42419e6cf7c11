import type { MembershipView, UserEvent } from '@parley/contracts';

/** What the viewer made of the conversation in their inbox. A mute with an end is over by the clock, not by an event. */
export function foldOwn(me: MembershipView, event: UserEvent): MembershipView {
  switch (event.type) {
    case 'inbox.muted': {
      const { until } = event.data;
      const muted = until === undefined || Date.parse(until) > Date.parse(event.time);
      return { ...me, muted, mutedUntil: muted ? (until ?? null) : null };
    }
    case 'inbox.unmuted':
      return { ...me, muted: false, mutedUntil: null };
    case 'inbox.archived':
      return { ...me, archived: true };
    case 'inbox.unarchived':
      return { ...me, archived: false };
    case 'inbox.pinned':
      return { ...me, pinned: true };
    case 'inbox.unpinned':
      return { ...me, pinned: false };
    default:
      return me;
  }
}
