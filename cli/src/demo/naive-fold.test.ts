import { describe, expect, it } from 'vitest';
import { unreadOf } from './naive-fold.ts';
import { fold, HandMadeLog } from './testing/hand-made-log.ts';

describe('NaiveFold', () => {
  it('counts as unread what came after the cursor and is still there', () => {
    const log = new HandMadeLog().create().join('ann').say('owner').say('owner').say('owner').say('owner');
    const { conversation } = fold(log.remove(1).remove(3).read('ann', 1));
    expect(unreadOf(conversation, 'ann')).toBe(2);
  });

  it('lets who joins late begin at the head, and who sends have read everything', () => {
    const { conversation } = fold(
      new HandMadeLog().create().say('owner').join('ann').say('owner').join('bob').say('bob').say('owner'),
    );
    expect(unreadOf(conversation, 'ann')).toBe(3);
    expect(unreadOf(conversation, 'bob')).toBe(1);
    expect(unreadOf(conversation, 'owner')).toBe(0);
  });

  it('never moves a cursor back, and forgets it when its owner leaves', () => {
    const log = new HandMadeLog()
      .create()
      .join('ann')
      .say('owner')
      .say('owner')
      .read('ann', 2)
      .read('ann', 1);
    expect(fold(log).conversation.readers.get('ann')).toBe(2);
    expect(unreadOf(fold(log.leave('ann')).conversation, 'ann')).toBeNull();
    expect(unreadOf(fold(log.say('owner').join('ann')).conversation, 'ann')).toBe(0);
  });

  it('keeps a deleted message deleted when an edit comes after it', () => {
    const { conversation } = fold(new HandMadeLog().create().say('owner').remove(1).edit(1, 'again'));
    expect(conversation.messages[0]).toMatchObject({ body: null, edits: 0 });
  });

  it('reports versions and ordinals that are not dense', () => {
    const log = new HandMadeLog().create().say('owner').say('owner').say('owner');
    expect(fold(log).flaws).toEqual([]);
    log.commits.splice(2, 1);
    expect(fold(log).flaws).toHaveLength(2);
  });
});

/** What a socket of one user is sent when all goes well: everything while a member. */
