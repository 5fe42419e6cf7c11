import type { Command, ConversationEvent, LogEvent } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CommandRecord } from './command-window.ts';
import { evolveConversation } from './conversation.ts';
import { conversationAggregate } from './conversation-aggregate.ts';
import type { MessageFact } from './decider.ts';
import { CONVERSATION, command, conversation, enveloped, fold, uuidv7At } from './decider-spec.ts';
import { type Candidate, factOf, planCommit, type Verdict } from './plan-commit.ts';

const aggregate = conversationAggregate(CONVERSATION);
const evolve = (state: typeof start, event: LogEvent) =>
  evolveConversation(state, event as ConversationEvent);
const start = fold([conversation('group', { anna: 'owner', ben: 'moderator', cleo: 'member' })]);

const candidate = (
  asked: Command,
  hash = JSON.stringify([asked.type, asked.actor, asked.data]),
): Candidate => ({
  command: asked,
  hash,
  correlationId: 'request',
  facts: { message: 'unknown' },
});

/** A log with one conversation, committed in groups of the given sizes. */
function run(candidates: Candidate[], sizes: readonly number[], largest = 200) {
  const known = new Map<string, CommandRecord>();
  const sequenceOf = new Map<string, number>();
  const facts = new Map<string, MessageFact>();
  const events: LogEvent[] = [];
  const verdicts: Verdict[] = [];
  let [state, version, sequence, taken] = [start, 1, 1, 0];
  for (let group = 0; taken < candidates.length; group++) {
    const size = sizes[group % sizes.length] ?? 1;
    // What the writer finds out about old messages before it decides.
    const batch = candidates.slice(taken, taken + size).map((each) => {
      const about = 'messageId' in each.command.data ? each.command.data.messageId : '';
      return { ...each, facts: { message: facts.get(about) ?? ('unknown' as const) } };
    });
    let inCommit = 0;
    const plan = planCommit({
      aggregate,
      state,
      version,
      candidates: batch,
      known: (id) => known.get(id),
      envelop: (event, at, { command: { actor, id }, hash }) =>
        ({ ...enveloped(event, at, actor, id), commandhash: hash }) as LogEvent,
      fits: (made, isFirst) => {
        inCommit += made.length;
        return isFirst || inCommit <= largest;
      },
    });
    expect(plan.verdicts.length).toBeGreaterThan(0);
    expect(plan.events.reduce(evolve, state)).toEqual(plan.state);
    if (plan.events.length > 0) sequence++;
    for (const event of plan.events) {
      const { commandid = '', commandhash: hash = '', version: at = 0 } = event;
      const result = aggregate.resultOf([event]);
      known.set(commandid, {
        commandId: commandid,
        actor: event.actor,
        hash,
        sequence,
        version: at,
        result,
        at: 0,
      });
      sequenceOf.set(commandid, sequence);
      if (event.type === 'message.sent') {
        facts.set(event.data.messageId, factOf(event));
      }
    }
    events.push(...plan.events);
    verdicts.push(...plan.verdicts);
    [state, version] = [plan.state, plan.version];
    taken += plan.verdicts.length;
  }
  return { events, verdicts, state, version };
}

const user = fc.constantFrom('anna', 'ben', 'cleo', 'dora');
const key = fc.integer({ min: 1, max: 25 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(user, key).map(([who, n]) => command('message.send', who, { body: `b${n}` }, n)),
  },
  fc
    .tuple(user, key, user)
    .map(([who, n, whom]) => command('members.add', who, { members: [{ userId: whom, role: 'guest' }] }, n)),
  fc.tuple(user, key, user).map(([who, n, whom]) => command('members.remove', who, { userIds: [whom] }, n)),
  fc.tuple(user, key).map(([who, n]) => command('conversation.leave', who, {}, n)),
  fc
    .tuple(user, key, key)
    .map(([who, n, about]) => command('message.edit', who, { messageId: uuidv7At(about), body: 'x' }, n)),
  fc
    .tuple(user, key, key)
    .map(([who, n, about]) => command('message.delete', who, { messageId: uuidv7At(about) }, n)),
  fc.tuple(user, key, key).map(([who, n, ordinal]) => command('messages.read', who, { ordinal }, n)),
);
const steps = fc.array(step, { minLength: 1, maxLength: 40 });
const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });

/** What a client is told; of a twin, that it is one. */
function told(verdicts: Verdict[]): unknown[] {
  return verdicts.map((verdict) => {
    if (verdict.kind === 'rejected') return verdict.decision;
    if (verdict.kind === 'key-reused') return 'key-reused';
    if (verdict.kind === 'accepted') return verdict.decision.result;
    if (verdict.kind === 'replay') return verdict.record.result;
    return 'twin';
  });
}

const content = (events: LogEvent[]) =>
  events.map(({ type, version, actor, commandid, data }) => ({ type, version, actor, commandid, data }));

describe('a plan', () => {
  test('of any grouping makes the events, versions and state that one command after another makes', () => {
    fc.assert(
      fc.property(steps, sizes, fc.integer({ min: 1, max: 5 }), (asked, groups, largest) => {
        const candidates = asked.map((each) => candidate(each));
        const one = run(candidates, [1]);
        const grouped = run(candidates, groups, largest);
        expect(content(grouped.events)).toEqual(content(one.events));
        expect(grouped.state).toEqual(one.state);
        expect(grouped.version).toBe(one.version);
        for (const [index, answer] of told(grouped.verdicts).entries()) {
          if (answer !== 'twin') expect(answer).toEqual(told(one.verdicts)[index]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('leaves versions and ordinals dense', () => {
    fc.assert(
      fc.property(steps, sizes, (asked, groups) => {
        const { events } = run(
          asked.map((each) => candidate(each)),
          groups,
        );
        expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 2));
        const ordinals = events.flatMap((each) => (each.type === 'message.sent' ? [each.data.ordinal] : []));
        expect(ordinals).toEqual(ordinals.map((_, index) => index + 1));
      }),
    );
  });

  test('looks the same whether a refused command was in it or not', () => {
    fc.assert(
      fc.property(steps, sizes, (asked, groups) => {
        const candidates = asked.map((each) => candidate(each));
        const all = run(candidates, groups);
        const kept = candidates.filter((_, index) => all.verdicts[index]?.kind !== 'rejected');
        fc.pre(kept.length > 0);
        expect(content(run(kept, groups).events)).toEqual(content(all.events));
      }),
    );
  });

  test('stores each key at most once, and answers its repetition as a replay', () => {
    fc.assert(
      fc.property(steps, sizes, (asked, groups) => {
        const candidates = [...asked, ...asked].map((each) => candidate(each));
        const { events, verdicts } = run(candidates, groups);
        const writers = events.map(({ commandid }) => commandid);
        expect(new Set(writers).size).toBe(writers.length);
        const stored = new Map(events.map((each) => [each.commandid, each.version]));
        const writtenAt = new Map<string, number>();
        for (const [index, verdict] of verdicts.entries()) {
          const id = candidates[index]?.command.id ?? '';
          const repeated = writtenAt.has(id);
          // `rejected`: to a stranger a used key does not look used.
          if (repeated) expect(['replay', 'twin', 'key-reused', 'rejected']).toContain(verdict.kind);
          if (verdict.kind === 'accepted' && verdict.version === stored.get(id)) writtenAt.set(id, index);
        }
        expect(writtenAt.size).toBe(events.length);
      }),
    );
  });

  test('tells a reused key from a retry, in the commit and after it', () => {
    const first = command('message.send', 'anna', { body: 'one' }, 1);
    const other = command('message.send', 'anna', { body: 'two' }, 1);
    for (const groups of [[1], [4]]) {
      const { events, verdicts } = run(
        [first, other, first, other].map((each) => candidate(each)),
        groups,
      );
      expect(events).toHaveLength(1);
      expect(verdicts.map(({ kind }) => kind)).toEqual([
        'accepted',
        'key-reused',
        groups[0] === 1 ? 'replay' : 'twin',
        'key-reused',
      ]);
    }
  });

  test('replays what the read model remembers, and nothing else under that key', () => {
    const asked = candidate(command('message.send', 'anna', { body: 'one' }, 1));
    const old = {
      commandId: asked.command.id,
      actor: 'anna',
      hash: asked.hash,
      sequence: 3,
      version: 3,
      result: {},
      at: 0,
    };
    expect(run([{ ...asked, old }], [1]).verdicts).toEqual([{ kind: 'replay', record: old }]);
    expect(run([{ ...asked, old: { ...old, hash: 'other' } }], [1]).verdicts).toEqual([
      { kind: 'key-reused' },
    ]);
  });
});
