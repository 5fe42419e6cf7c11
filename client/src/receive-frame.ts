import { parsePosition, type ServerFrame } from '@parley/contracts';
import { backOff, type Moment, stay } from './change-phase.ts';
import type { ConnectionState, ConnectionStep, SubscriptionItem } from './connection-model.ts';
import {
  drop,
  followAnew,
  followFromHead,
  followOf,
  onFollowError,
  onFollowReset,
  onSubOk,
} from './following.ts';
import { onCommits, onReplay, positionText } from './receive-commits.ts';
import { renew, renewedLater } from './renew-token.ts';
import { NO_VERSIONS, withVersion } from './version-track.ts';

type Frame<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

/** What a frame of the present socket changes. Frames of unknown types are passed over. */
export function onFrame(state: ConnectionState, frame: ServerFrame, moment: Moment): ConnectionStep {
  switch (frame.t) {
    case 'welcome':
      return onWelcome(state, frame);
    case 'commit':
      return onCommits(state, [frame], moment);
    case 'commits':
      return onCommits(state, frame.items, moment);
    case 'live': {
      const since = state.phase.name === 'live' ? state.phase.since : moment.now;
      const live: ConnectionState = { ...state, phase: { name: 'live', since }, freshness: 'fresh' };
      return moveTo(live, frame.position, moment);
    }
    case 'hb': {
      const moved = moveTo(state, frame.position, moment);
      return { state: moved.state, effects: [...moved.effects, { do: 'send', frame: { t: 'hb' } }] };
    }
    case 'reset':
      return frame.conversation === undefined
        ? onReset(state, frame, moment)
        : onConversationReset(state, frame.conversation, frame, moment);
    case 'revoked':
      return onRevoked(state, frame, moment);
    case 'auth-soon':
      return renew(state, moment.now + frame.inMs, moment.now);
    case 'auth-ok':
      return stay({ ...state, renewal: null });
    case 'drain': {
      const [from, to] = frame.afterMs;
      return stay({ ...state, leaveAt: moment.now + from + moment.chance * (to - from) });
    }
    default:
      return onRequested(state, frame, moment);
  }
}

/** What comes because this client has asked for it. */
function onRequested(state: ConnectionState, frame: ServerFrame, moment: Moment): ConnectionStep {
  switch (frame.t) {
    case 'sub-ok':
      return stay({ ...state, following: onSubOk(state.following, frame) });
    case 'sub-commits':
    case 'sub-live':
      return onReplay(state, frame);
    case 'error':
      return onError(state, frame, moment);
    case 'typing': {
      const { t: _, ...signal } = frame;
      return stay(state, { do: 'typing', signal });
    }
    case 'presence': {
      const { t: _, ...seen } = frame;
      return stay(state, { do: 'presence', seen: [seen] });
    }
    case 'presences':
      return stay(state, { do: 'presence', seen: frame.items });
    default:
      return stay(state);
  }
}

function onWelcome(state: ConnectionState, frame: Frame<'welcome'>): ConnectionStep {
  const welcomed: ConnectionState = {
    ...state,
    phase: { name: 'replaying' },
    userId: frame.user,
    following: followAnew(state.following, state.versions),
  };
  if (state.position === null) {
    const position = parsePosition(frame.position);
    return stay({ ...welcomed, position }, { do: 'moved', position: frame.position });
  }
  if (state.position.epoch === frame.epoch) return stay(welcomed);
  // Of another log: the old position means nothing here, and `reset` says where to go on.
  return stay({
    ...welcomed,
    position: null,
    versions: NO_VERSIONS,
    following: followFromHead(welcomed.following),
  });
}

function moveTo(state: ConnectionState, text: string, moment: Moment): ConnectionStep {
  const position = parsePosition(text);
  if (!position || !state.position || position.epoch !== state.position.epoch) return backOff(state, moment);
  if (position.sequence <= state.position.sequence) return stay(state);
  return stay({ ...state, position }, { do: 'moved', position: text });
}

function onReset(
  state: ConnectionState,
  { position: text, reason }: Frame<'reset'>,
  moment: Moment,
): ConnectionStep {
  const position = parsePosition(text);
  if (!position) return backOff(state, moment);
  const item: SubscriptionItem = { kind: 'reset', position: text, reason };
  return stay(
    { ...state, position, versions: NO_VERSIONS, hole: null, freshness: 'loading' },
    { do: 'deliver', item },
  );
}

/** The others go on: neither the position nor the freshness of the whole changes. */
function onConversationReset(
  state: ConnectionState,
  conversation: string,
  { reason }: Frame<'reset'>,
  moment: Moment,
): ConnectionStep {
  if (state.position === null) return backOff(state, moment);
  const item: SubscriptionItem = { kind: 'reset', position: positionText(state), reason, conversation };
  const next = {
    ...state,
    versions: withVersion(state.versions, conversation, null),
    following: onFollowReset(state.following, conversation),
  };
  return stay(next, { do: 'deliver', item });
}

function onRevoked(
  state: ConnectionState,
  { conversation, reason }: Frame<'revoked'>,
  moment: Moment,
): ConnectionStep {
  if (state.position === null) return backOff(state, moment);
  const item: SubscriptionItem = { kind: 'revoked', position: positionText(state), conversation, reason };
  const next = {
    ...state,
    versions: withVersion(state.versions, conversation, null),
    following: drop(state.following, conversation),
  };
  return stay(next, { do: 'deliver', item });
}

function onError(state: ConnectionState, frame: Frame<'error'>, moment: Moment): ConnectionStep {
  if (frame.id === undefined) {
    // The only thing that is asked for without an id is a token's renewal.
    return frame.retryAfterMs === undefined ? stay(state) : renewedLater(state, moment, frame.retryAfterMs);
  }
  const asked = followOf(state.following, frame.id);
  if (!asked) return stay(state);
  const again = onFollowError(state.following, asked, frame, moment);
  if (again) return stay({ ...state, following: again });
  const { conversation } = asked;
  const { code, detail } = frame;
  const position = positionText(state);
  return stay(
    { ...state, following: drop(state.following, conversation) },
    { do: 'deliver', item: { kind: 'follow-refused', position, conversation, code, detail } },
  );
}
