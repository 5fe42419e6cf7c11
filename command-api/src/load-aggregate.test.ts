import { encodeCommit, type LogEvent } from '@parley/contracts';
import { MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConversationState } from './domain/conversation.ts';
import { conversationAggregate } from './domain/conversation-aggregate.ts';
import type { NewEvent } from './domain/decider.ts';
import { CONVERSATION, conversation, enveloped, event, messageId, sent } from './domain/decider-spec.ts';
import { decodeSnapshot, encodeSnapshot, type Loaded, loadAggregate } from './load-aggregate.ts';
import { logger } from './testing/writer-rig.ts';

const aggregate = conversationAggregate(CONVERSATION);
const { subject } = aggregate;
const snapshots = new MemorySnapshotStore();
const load = (log: MemoryEventLog, store = snapshots) =>
  loadAggregate({ log, snapshots: store, logger }, aggregate);

async function append(log: MemoryEventLog, events: LogEvent[]): Promise<void> {
  const expectedLastSequence = await log.lastSequence(subject);
  await log.append({
    subject,
    commitId: events[0]?.id ?? '',
    payload: encodeCommit(events),
    expectedLastSequence,
  });
}

/** Everything of a conversation that decisions rest on, comparable. */
function plain(loaded: Loaded<ConversationState>, keys: readonly string[]) {
  const { state, version, sequence, lastAt, window } = loaded;
  return {
    type: state.type,
    roles: state.roles.toJS(),
    owners: state.owners,
    messageCount: state.messageCount,
    deleted: [...state.deletedOrdinals],
    version,
    sequence,
    lastAt,
    keys: keys.map((key) => window.get(key) ?? window.mayHaveForgotten(key)),
    forgottenThrough: window.forgottenThrough,
  };
}

const steps = fc.array(
  fc.oneof(
    fc.constant('send' as const),
    fc.constantFrom('anna', 'ben', 'cleo').map((userId) => ({ add: userId })),
    fc.constantFrom('ben', 'cleo').map((userId) => ({ remove: userId })),
    fc.integer({ min: 1, max: 20 }).map((ordinal) => ({ delete: ordinal })),
  ),
  { maxLength: 40 },
);

function history(list: typeof steps extends fc.Arbitrary<infer S> ? S : never): LogEvent[] {
  const made: NewEvent[] = [conversation('group', { owner: 'owner' })];
  let messages = 0;
  for (const step of list) {
    if (step === 'send') made.push(sent(++messages));
    else if ('delete' in step)
      made.push(event('message.deleted', { messageId: messageId(step.delete), ordinal: step.delete }));
    else if ('remove' in step) made.push(event('members.removed', { userIds: [step.remove] }));
    else
      made.push(
        event('members.added', {
          members: [{ userId: step.add, role: 'guest' }],
          via: 'add',
          ordinal: messages,
        }),
      );
  }
  return made.map((each, index) => enveloped(each, index + 1));
}

describe('a loaded aggregate', () => {
  test('from a snapshot taken anywhere plus the tail is the fold of the whole log', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(40), fc.integer({ min: 1, max: 5 }), async (list, at, size) => {
        const events = history(list);
        const log = new MemoryEventLog();
        const store = new MemorySnapshotStore();
        const cut = Math.min(at, events.length);
        for (let i = 0; i < cut; i += size) await append(log, events.slice(i, Math.min(i + size, cut)));
        const early = await load(log);
        const bytes = encodeSnapshot(early, log.epoch, aggregate);
        await store.put(subject, bytes, { epoch: log.epoch, sequence: early.sequence });
        const keys = events.map(({ commandid = '' }) => commandid);
        const decoded = decodeSnapshot(bytes, log.epoch, aggregate);
        expect(decoded && plain(decoded, keys)).toEqual(plain(early, keys));
        for (let i = cut; i < events.length; i += size) await append(log, events.slice(i, i + size));
        expect(plain(await load(log, store), keys)).toEqual(plain(await load(log), keys));
      }),
      { numRuns: 60 },
    );
  });

  test('ignores a snapshot of another log or another format', async () => {
    const log = new MemoryEventLog();
    await append(log, history(['send']));
    const bytes = encodeSnapshot(await load(log), log.epoch, aggregate);
    expect(decodeSnapshot(bytes, 'another-epoch', aggregate)).toBeNull();
    const older = { ...JSON.parse(Buffer.from(bytes).toString()), format: 2 };
    expect(decodeSnapshot(Buffer.from(JSON.stringify(older)), log.epoch, aggregate)).toBeNull();
  });

  test.each([
    ['missing', [1, 3]],
    ['doubled', [1, 1]],
  ])('is refused when a version is %s', async (_, versions) => {
    const log = new MemoryEventLog();
    const events = history(['send', 'send']);
    for (const version of versions) await append(log, events.slice(version - 1, version));
    await expect(load(log)).rejects.toThrow(`version ${versions[1]} after 1 at sequence 2`);
  });
});
