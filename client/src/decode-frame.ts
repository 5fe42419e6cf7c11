import type { ServerFrame } from '@parley/contracts';

/** Null when it is not a frame of this protocol; a frame of a type that is not known here is one, and is passed over. */
export function decodeFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  let frame: ServerFrame;
  try {
    frame = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof frame !== 'object' || frame === null || typeof frame.t !== 'string') return null;
  switch (frame.t) {
    case 'commit':
      return isItem(frame) ? frame : null;
    case 'commits':
    case 'sub-commits':
      return Array.isArray(frame.items) && frame.items.every(isItem) ? frame : null;
    case 'presences':
      return Array.isArray(frame.items) && frame.items.every(isObject) ? frame : null;
    default:
      return frame;
  }
}

function isItem(item: { seq: unknown; events: unknown }): boolean {
  if (!Number.isSafeInteger(item?.seq) || !Array.isArray(item.events)) return false;
  return item.events.length > 0 && item.events.every(isObject);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
