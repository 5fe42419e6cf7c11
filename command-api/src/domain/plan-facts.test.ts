import type { Command } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { conversationAggregate } from './conversation-aggregate.ts';
import type { NewEvent } from './decider.ts';
import { CONVERSATION, command, conversation, enveloped, fold, uuidv7At } from './decider-spec.ts';
import { type Candidate, type PlanInput, planCommit } from './plan-commit.ts';

const aggregate = conversationAggregate(CONVERSATION);
const start = fold([conversation('group', { anna: 'owner', ben: 'moderator', cleo: 'member' })]);
type State = typeof start;

const candidate = (asked: Command): Candidate => ({
  command: asked,
  hash: JSON.stringify([asked.type, asked.actor, asked.data]),
  correlationId: 'request',
  facts: { message: 'unknown' },
});

/** The commit of these on a group that exists, unless `more` says otherwise. */
const plan = (candidates: Candidate[], more: Partial<PlanInput<State>> = {}) =>
  planCommit({
    aggregate,
    state: start,
    version: 1,
    candidates,
    known: () => undefined,
    envelop: (event: NewEvent, at: number, { command: { actor, id } }: Candidate) =>
      enveloped(event, at, actor, id),
    fits: () => true,
    ...more,
  });

describe('a plan', () => {
  test('lets a message be edited and deleted in the commit that sends it', () => {
    const about = { messageId: uuidv7At(1) };
    const asked = [
      command('message.send', 'cleo', { body: 'tpyo' }, 1),
      command('message.edit', 'cleo', { ...about, body: 'typo' }, 2),
      command('message.edit', 'anna', { ...about, body: 'mine now' }, 3),
      command('message.delete', 'ben', about, 4),
    ];
    const { events, verdicts } = plan(asked.map(candidate));
    expect(events.map(({ type }) => type)).toEqual(['message.sent', 'message.edited', 'message.deleted']);
    expect(verdicts[2]).toMatchObject({ kind: 'rejected', decision: { code: 'forbidden' } });
  });

  test('lets a message be answered, and a thread begun, in the commit that sends it', () => {
    const reply = { body: 'yes', replyTo: uuidv7At(1), threadId: uuidv7At(1) };
    const facts = { replyTo: 'unknown', thread: 'unknown' } as const;
    const { events } = plan([
      candidate(command('message.send', 'cleo', { body: 'well?' }, 1)),
      { ...candidate(command('message.send', 'ben', reply, 2)), facts },
    ]);
    expect(events[1]?.data).toMatchObject({ replyToAuthor: 'cleo', threadOrdinal: 1, threadAuthor: 'cleo' });
  });

  test('stops where a direct conversation has come about, until it is known that the two may talk', () => {
    const create = command(
      'conversation.create',
      'anna',
      { type: 'direct', members: [{ userId: 'ben' }] },
      1,
    );
    const send = command('message.send', 'anna', { body: 'hi' }, 2);
    const created = { ...candidate(create), facts: { blocked: false } };
    const nothing = { state: fold([]), version: 0 };
    const { events } = plan([created, candidate(send)], nothing);
    expect(events.map(({ type }) => type)).toEqual(['conversation.created']);
    const asked = { ...candidate(send), facts: { blocked: true } };
    expect(plan([created, asked], nothing).verdicts[1]).toMatchObject({
      kind: 'rejected',
      decision: { code: 'blocked' },
    });
  });

  test('keeps nothing of a command without a key, and refuses what was refused elsewhere unless it was stored', () => {
    const asked = candidate(command('message.send', 'anna', { body: 'one' }, 1));
    const refused = { kind: 'reject', code: 'forbidden' } as const;
    const { hash, command: sent } = asked;
    const record = { commandId: sent.id, actor: 'anna', hash, sequence: 3, version: 3, result: {}, at: 0 };
    const known = () => record;
    const kinds = (each: Candidate, more = {}) => plan([each], more).verdicts.map(({ kind }) => kind);
    expect(kinds({ ...asked, keyless: true }, { known })).toEqual(['accepted']);
    expect(kinds({ ...asked, refused }, { known })).toEqual(['replay']);
    expect(kinds({ ...asked, refused })).toEqual(['rejected']);
  });

  test('stops before the command that would make the commit too large, and takes one that is too large alone', () => {
    const sends = [1, 2, 3].map((n) => candidate(command('message.send', 'anna', { body: 'x' }, n)));
    let room = 2;
    const full = plan(sends, { fits: () => room-- > 0 });
    expect(full.verdicts).toHaveLength(2);
    expect(full.events).toHaveLength(2);
    expect(full.state.messageCount).toBe(2);
    expect(plan(sends, { fits: (_, isFirst) => isFirst }).events).toHaveLength(1);
  });
});
