const encoder = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const COMMA = bytesOf(',');
const CLOSE_LIST = bytesOf(']}');

/** A frame whose last field is a list of items that are encoded already; `opening` is all of it up to the first one. */
export function listFrame(opening: Uint8Array, items: readonly Uint8Array[]): Uint8Array {
  const parts = items.flatMap((item, index) => (index === 0 ? [item] : [COMMA, item]));
  return concat([opening, ...parts, CLOSE_LIST]);
}

/** Of a payload and its head. */
export function framedLength(length: number): number {
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/** The head of a WebSocket text frame of a server: unmasked, in one part (RFC 6455, section 5.2). */
export function textFrameHead(length: number): Uint8Array {
  const head = new Uint8Array(framedLength(length) - length);
  const view = new DataView(head.buffer);
  head[0] = 0x81;
  head[1] = length < 126 ? length : head.length === 4 ? 126 : 127;
  if (head.length === 4) view.setUint16(2, length);
  if (head.length === 10) view.setBigUint64(2, BigInt(length));
  return head;
}

/** The payload behind its head. */
export function textFrame(payload: Uint8Array): Uint8Array {
  return concat([textFrameHead(payload.length), payload]);
}
