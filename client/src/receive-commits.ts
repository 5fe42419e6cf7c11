import { type CommitItem, formatPosition, type ServerFrame } from '@parley/contracts';
import { backOff, type Moment, stay } from './change-phase.ts';
import type { ConnectionEffect, ConnectionState, ConnectionStep } from './connection-model.ts';
import { type FollowStep, isLeftOver, onFed, onJoined, onSubCommits, onSubLive } from './following.ts';
import { beginsMembership, spanOf, type VersionSpan, versionOf, withVersion } from './version-track.ts';

/** Where the client is, as items carry it. */
export function positionText({ position }: ConnectionState): string {
  return position === null ? '' : formatPosition(position.epoch, position.sequence);
}

/** C1, C2: each commit at most once, and none is missing without a reset that says so. */
export function onCommits(
  before: ConnectionState,
  items: readonly CommitItem[],
  moment: Moment,
): ConnectionStep {
  let state = before;
  const effects: ConnectionEffect[] = [];
  for (const commit of items) {
    if (state.position === null) return lost(state, effects, moment);
    if (commit.seq <= state.position.sequence) continue;
    const taken = takeCommit(state, commit);
    if ('hole' in taken) return lost({ ...state, hole: taken.hole }, effects, moment);
    state = taken.state;
    effects.push(...taken.effects);
  }
  return { state, effects };
}

function lost(state: ConnectionState, effects: ConnectionEffect[], moment: Moment): ConnectionStep {
  const away = backOff(state, moment);
  return { state: away.state, effects: [...effects, ...away.effects] };
}

function takeCommit(
  state: ConnectionState,
  commit: CommitItem,
): ConnectionStep | { hole: NonNullable<ConnectionState['hole']> } {
  const span = spanOf(commit);
  if (!span) return hand(state, commit);
  const { conversation, first, last } = span;
  const known = versionOf(state.versions, conversation);
  if (beginsMembership(commit, state.userId)) return join(state, commit, span);
  if (known !== undefined && last <= known) return pass(state, commit);
  const goesOn = known !== undefined && first <= known + 1;
  if (!goesOn && isLeftOver(state.following, span)) return pass(state, commit);
  const versions = withVersion(state.versions, conversation, last);
  const counted = { ...state, versions, following: onFed(state.following, span) };
  if (known === undefined || goesOn) return hand(counted, commit);
  if (state.hole?.conversation !== conversation || state.hole.after !== known) {
    return { hole: { conversation, after: known } };
  }
  return withReset(state, conversation, hand({ ...counted, hole: null }, commit));
}

/** The count starts anew; one who followed the conversation until now may have missed what was before. */
function join(state: ConnectionState, commit: CommitItem, span: VersionSpan): ConnectionStep {
  const { conversation, first, last } = span;
  const followed = state.following.follows.get(conversation);
  const known = followed?.phase === 'live' ? versionOf(state.versions, conversation) : followed?.version;
  const joined = hand(
    {
      ...state,
      versions: withVersion(state.versions, conversation, last),
      following: onJoined(state.following, conversation, last),
    },
    commit,
  );
  const continuous = typeof known !== 'number' || first <= known + 1;
  return continuous ? joined : withReset(state, conversation, joined);
}

function hand(state: ConnectionState, commit: CommitItem): ConnectionStep {
  const moved = moveTo(state, commit.seq);
  const item = { kind: 'commit', position: positionText(moved), commit } as const;
  return stay(moved, { do: 'deliver', item });
}

function pass(state: ConnectionState, commit: CommitItem): ConnectionStep {
  const moved = moveTo(state, commit.seq);
  return stay(moved, { do: 'moved', position: positionText(moved) });
}

function moveTo(state: ConnectionState, sequence: number): ConnectionState {
  const { position } = state;
  return position === null ? state : { ...state, position: { epoch: position.epoch, sequence } };
}

/** The consumer hears of the hole before anything that lies behind it. */
function withReset(state: ConnectionState, conversation: string, step: ConnectionStep): ConnectionStep {
  const item = { kind: 'reset', position: positionText(state), reason: 'continuity', conversation } as const;
  return { state: step.state, effects: [{ do: 'deliver', item }, ...step.effects] };
}

type ReplayFrame = Extract<ServerFrame, { t: 'sub-commits' | 'sub-live' }>;

export function onReplay(state: ConnectionState, frame: ReplayFrame): ConnectionStep {
  const { conversation } = frame;
  const step: FollowStep =
    frame.t === 'sub-commits' ? onSubCommits(state.following, frame) : onSubLive(state.following, frame);
  const position = positionText(state);
  const effects = step.commits.map(
    (commit): ConnectionEffect => ({
      do: 'deliver',
      item: { kind: 'followed', position, conversation, commit },
    }),
  );
  const next = { ...state, following: step.following };
  if (step.live === null) {
    return step.lost ? withReset(state, conversation, { state: next, effects }) : { state: next, effects };
  }
  const version = Math.max(step.live, versionOf(state.versions, conversation) ?? 0);
  const item = { kind: 'follow-live', position, conversation, version } as const;
  const live = stay({ ...next, versions: withVersion(state.versions, conversation, version) }, ...effects, {
    do: 'deliver',
    item,
  });
  return step.lost ? withReset(state, conversation, live) : live;
}
