import { type EventType, eventSchemas } from './events.ts';

/** Data of one schema version to the next. Pure; a chain of them brings any stored event to the current version. */
type Upcaster = (data: unknown) => unknown;

/** `'<type>:<from version>'` → step. Append-only, like the events it reads. */
const upcasters: Record<string, Upcaster> = {};

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
