/** Client frames: so many at once, and one per so many milliseconds in the long run. */
const FRAME_BURST = 30;
const MS_PER_FRAME = 60_000 / 120;
/** Heartbeats a client may leave unanswered. */
const MISSED_HEARTBEATS = 2;
/** A socket that takes less than this for so long is not read any more: byte by byte is not reading. */
const STALL_MS = 10_000;
const STALL_BYTES = 1_024;

/** Signs of life of one socket, and how much it may still say. Times are of a clock that never steps. */
export interface Pulse {
  /** When the client may say as much at once as ever. */
  burstAt: number;
  nextHeartbeat: number;
  /** Heartbeats sent since the client's last frame. */
  unanswered: number;
  /** Null while nothing waits in the transport's buffer: most sockets, nearly always. */
  stuck: Stuck | null;
}

interface Stuck {
  /** Since when the client has taken next to nothing. */
  since: number;
  /** What it had taken by then. */
  takenBytes: number;
}

export function newPulse(now: number, heartbeatMs: number): Pulse {
  return { burstAt: now, nextHeartbeat: now + heartbeatMs, unanswered: 0, stuck: null };
}

/** Counts a client frame, or null when it is one too many. */
export function countFrame(pulse: Pulse, now: number): Pulse | null {
  const burstAt = Math.max(pulse.burstAt, now) + MS_PER_FRAME;
  return burstAt > now + FRAME_BURST * MS_PER_FRAME ? null : { ...pulse, burstAt, unanswered: 0 };
}

/** Nothing is unanswered. The same object when nothing was. */
export function forgive(pulse: Pulse): Pulse {
  return pulse.unanswered === 0 ? pulse : { ...pulse, unanswered: 0 };
}

/** The transport as it is. It lets go of whole writes: while a large one is being read, nothing seems to move. */
export interface Transport {
  /** Waits in it. */
  bufferedBytes: number;
  /** All that was ever given to it. */
  sentBytes: number;
  /** A page of a replay is on its way, which has a deadline of its own. */
  isPaging: boolean;
}

/** Looks at the clock and the transport; `due` when a heartbeat is to be sent now. */
export function beat(
  pulse: Pulse,
  now: number,
  transport: Transport,
  heartbeatMs: number,
): { pulse: Pulse; due: boolean } {
  const due = now >= pulse.nextHeartbeat;
  const { bufferedBytes, isPaging } = transport;
  const stuck = bufferedBytes === 0 || isPaging ? null : stuckAt(pulse.stuck, now, takenBytes(transport));
  if (!due && stuck === pulse.stuck) return { pulse, due };
  return {
    due,
    pulse: {
      ...pulse,
      stuck,
      nextHeartbeat: due ? now + heartbeatMs : pulse.nextHeartbeat,
      unanswered: due ? pulse.unanswered + 1 : pulse.unanswered,
    },
  };
}

/** What the client's side has taken since the socket opened: it has left the process. */
function takenBytes({ sentBytes, bufferedBytes }: Transport): number {
  return sentBytes - bufferedBytes;
}

function stuckAt(before: Stuck | null, now: number, takenBytes: number): Stuck {
  return before && takenBytes - before.takenBytes < STALL_BYTES ? before : { since: now, takenBytes };
}

export function expired(pulse: Pulse, now: number): 'stalled' | 'silent' | null {
  if (pulse.stuck && now - pulse.stuck.since >= STALL_MS) return 'stalled';
  return pulse.unanswered > MISSED_HEARTBEATS ? 'silent' : null;
}
