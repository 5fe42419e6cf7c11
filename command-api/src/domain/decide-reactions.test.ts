import { MAX_PINNED_MESSAGES } from '@parley/contracts';
import { describe, expect, test } from 'vitest';
import { by, command, conversation, event, fact, fold, given, messageId, sent } from './decider-spec.ts';

const room = [conversation('group', { anna: 'owner', ben: 'member' }), sent(1)];
const about = { messageId: messageId(1) };
const deleted = event('message.deleted', { ...about, ordinal: 1 });

describe('a reaction', () => {
  const like = { ...about, emoji: '👍' };
  const react = command('message.react', 'ben', like);
  const unreact = command('message.unreact', 'ben', like);
  const data = { ...like, ordinal: 1, authorId: 'anna' };
  const added = by('ben', event('reaction.added', data));
  const removed = by('ben', event('reaction.removed', data));
  const message = fact();

  test('names the author of the message', () => {
    given(...room)
      .when(react, { message })
      .emits(added.event)
      .answering({});
    given(...room)
      .when(unreact, { message })
      .emits(removed.event)
      .answering({});
  });

  test('that is known to be there, or gone, changes nothing', () => {
    given(...room, added)
      .when(react, { message })
      .isNoOp({});
    given(...room, added)
      .when(unreact, { message })
      .emits(removed.event);
    given(...room, added, removed)
      .when(unreact, { message })
      .isNoOp({});
    given(...room, added, removed)
      .when(react, { message })
      .emits(added.event);
  });

  test('of somebody else, with another emoji or to another message is another one', () => {
    given(...room, added)
      .when(command('message.react', 'anna', like), { message })
      .emits(added.event);
    given(...room, added)
      .when(command('message.react', 'ben', { ...about, emoji: '🎉' }), { message })
      .emits(event('reaction.added', { ...data, emoji: '🎉' }));
    given(...room, added)
      .when(react, { message: fact({ ordinal: 2 }) })
      .emits(event('reaction.added', { ...data, ordinal: 2 }));
  });

  test('to a deleted message is refused', () => {
    for (const asked of [react, unreact]) {
      given(...room, deleted)
        .when(asked, { message })
        .isRefused('message-deleted');
    }
  });

  test('by the audience of a broadcast is welcome', () => {
    given(conversation('broadcast', { anna: 'owner' }), sent(1))
      .when(command('message.react', 'eve', like), { message })
      .emits(added.event);
  });

  test('is remembered while it is among the newest 1,024', () => {
    const later = Array.from({ length: 1_023 }, (_, n) =>
      by('anna', event('reaction.added', { ...data, emoji: `:e${n}:` })),
    );
    given(...room, added, ...later)
      .when(react, { message })
      .isNoOp({});
    const one = by('anna', event('reaction.added', { ...data, emoji: '🎉' }));
    given(...room, added, ...later, one)
      .when(react, { message })
      .emits(added.event);
    expect(fold([...room, added, ...later, one]).reactions.size).toBe(1_024);
    given(...room, added, ...later, removed, one)
      .when(unreact, { message })
      .isNoOp({});
  });
});

describe('a pin', () => {
  const pin = command('message.pin', 'anna', about);
  const unpin = command('message.unpin', 'anna', about);
  const pinned = event('message.pinned', { ...about, ordinal: 1 });
  const unpinned = event('message.unpinned', { ...about, ordinal: 1 });
  const message = fact();

  test('is put once and taken once', () => {
    given(...room)
      .when(pin, { message })
      .emits(pinned)
      .answering({});
    given(...room, pinned)
      .when(pin, { message })
      .isNoOp({});
    given(...room, pinned)
      .when(unpin, { message })
      .emits(unpinned)
      .answering({});
    given(...room, pinned, unpinned)
      .when(unpin, { message })
      .isNoOp({});
    given(...room, pinned, unpinned)
      .when(pin, { message })
      .emits(pinned);
  });

  test('goes with its message', () => {
    given(...room, pinned, deleted)
      .when(pin, { message })
      .isRefused('message-deleted');
    given(...room, pinned, deleted)
      .when(unpin, { message })
      .isNoOp({});
    const two = event('message.pinned', { messageId: messageId(2), ordinal: 2 });
    const { pinnedOrdinals } = fold([
      ...room,
      sent(2),
      pinned,
      two,
      event('messages.expired', { throughOrdinal: 1 }),
    ]);
    expect([...pinnedOrdinals]).toEqual([2]);
  });

  test('beyond the limit is refused until one is taken', () => {
    const many = Array.from({ length: MAX_PINNED_MESSAGES }, (_, n) =>
      event('message.pinned', { messageId: messageId(n + 2), ordinal: n + 2 }),
    );
    const first = event('message.unpinned', { messageId: messageId(2), ordinal: 2 });
    given(...room, ...many)
      .when(pin, { message })
      .isRefused('limit-reached');
    given(...room, ...many, first)
      .when(pin, { message })
      .emits(pinned);
  });
});
