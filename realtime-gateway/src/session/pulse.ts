/** Client frames: so many at once, so many per second in the long run. */
const FRAME_BURST = 30;
const FRAMES_PER_MS = 120 / 60_000;
/** Heartbeats a client may leave unanswered. */
const MISSED_HEARTBEATS = 2;
/** A socket that takes less than this for so long is not read any more: byte by byte is not reading. */
const STALL_MS = 10_000;
const STALL_BYTES = 1_024;

/** Signs of life of one socket, and how much it may still say. */
export interface Pulse {
  tokens: number;
  countedAt: number;
  nextHeartbeat: number;
  /** Heartbeats sent since the client's last frame. */
  unanswered: number;
  /** In the transport's buffer. */
  bufferedBytes: number;
  /** What the client had taken, of all that was sent, at `stuckSince`. */
  takenBytes: number;
  /** Since when it has taken next to nothing. */
  stuckSince: number;
}

export function newPulse(now: number, heartbeatMs: number): Pulse {
  return {
    tokens: FRAME_BURST,
    countedAt: now,
    nextHeartbeat: now + heartbeatMs,
    unanswered: 0,
    bufferedBytes: 0,
    takenBytes: 0,
    stuckSince: now,
  };
}

/** Counts a client frame, or null when it is one too many. */
export function countFrame(pulse: Pulse, now: number): Pulse | null {
  const tokens = Math.min(FRAME_BURST, pulse.tokens + (now - pulse.countedAt) * FRAMES_PER_MS) - 1;
  return tokens < 0 ? null : { ...pulse, tokens, countedAt: now, unanswered: 0 };
}

/** Nothing is unanswered. The same object when nothing was. */
export function forgive(pulse: Pulse): Pulse {
  return pulse.unanswered === 0 ? pulse : { ...pulse, unanswered: 0 };
}

/** The transport as it is: what waits in it, and what has left it since the socket opened. */
export interface Transport {
  bufferedBytes: number;
  takenBytes: number;
}

/** Looks at the clock and the transport; `due` when a heartbeat is to be sent now. */
export function beat(
  pulse: Pulse,
  now: number,
  { bufferedBytes, takenBytes }: Transport,
  heartbeatMs: number,
): { pulse: Pulse; due: boolean } {
  const due = now >= pulse.nextHeartbeat;
  const idle = bufferedBytes === 0 && pulse.bufferedBytes === 0;
  if (!due && idle) return { pulse, due };
  const moved = bufferedBytes === 0 || takenBytes - pulse.takenBytes >= STALL_BYTES;
  return {
    due,
    pulse: {
      ...pulse,
      bufferedBytes,
      takenBytes: moved ? takenBytes : pulse.takenBytes,
      stuckSince: moved ? now : pulse.stuckSince,
      nextHeartbeat: due ? now + heartbeatMs : pulse.nextHeartbeat,
      unanswered: due ? pulse.unanswered + 1 : pulse.unanswered,
    },
  };
}

export function expired(pulse: Pulse, now: number): 'stalled' | 'silent' | null {
  if (pulse.bufferedBytes > 0 && now - pulse.stuckSince >= STALL_MS) return 'stalled';
  return pulse.unanswered > MISSED_HEARTBEATS ? 'silent' : null;
}
