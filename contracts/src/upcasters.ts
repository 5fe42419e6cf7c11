import { type EventType, eventSchemas } from './events.ts';
import { DEFAULT_SETTINGS } from './vocabulary.ts';

/** Data of one schema version to the next. Pure; a chain of them brings any stored event to the current version. */
type Upcaster = (data: unknown) => unknown;

const NOBODY = { users: [], all: false, here: false };

/** `'<type>:<from version>'` → step. Append-only, like the events it reads. */
const upcasters: Record<string, Upcaster> = {
  'conversation.created:1': (data) => ({ ...(data as object), settings: DEFAULT_SETTINGS }),
  // Version 1 knew no count and no authors: they are optional, and a fold that misses them does without.
  'members.added:1': (data) => data,
  'message.deleted:1': (data) => data,
  'cursors.advanced:1': (data) => data,
  // Nobody was mentioned and no threads existed before version 2.
  'message.sent:1': (data) => ({ ...(data as object), replies: 0, attachments: [], mentions: NOBODY }),
  'message.edited:1': (data) => ({ ...(data as object), mentions: NOBODY }),
};

export function upcast(
  type: EventType,
  fromVersion: number,
  data: unknown,
  steps: Record<string, Upcaster> = upcasters,
): unknown {
  let current = data;
  for (let version = fromVersion; version < eventSchemas[type].version; version++) {
    const step = steps[`${type}:${version}`];
    if (!step) throw new Error(`no upcaster for ${type} from version ${version}`);
    current = step(current);
  }
  return current;
}
