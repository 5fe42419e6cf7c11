import { type Item, recordedEvents } from '../session/item.ts';

const TYPES: readonly string[] = ['user.blocked', 'user.unblocked', 'profile.changed'];
const MARKS = TYPES.map((type) => `"${type}"`);

/** The users who let others see more or less of their presence since a commit about their own facts. */
export function changedPrivacy(item: Item): Set<string> {
  const { buffer, byteOffset, length } = item.bytes;
  const bytes = Buffer.from(buffer, byteOffset, length);
  // Nearly all such commits say something else, and are not decoded for this.
  if (!MARKS.some((mark) => bytes.includes(mark))) return new Set();
  const events = recordedEvents(item).filter(({ type }) => TYPES.includes(type));
  return new Set(events.map(({ actor }) => actor));
}
