import type { LogEvent } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedCheck } from './check-feeds.ts';
import { Received } from './received.ts';
import { printsOf } from './shown.ts';
import { fold, HandMadeLog, ROOM } from './testing/hand-made-log.ts';

function exactly(log: HandMadeLog, userId: string): [sequence: number, print: number][] {
  const sent: [number, number][] = [];
  let member = false;
  for (const [index, event] of log.commits.entries()) {
    if (event.type === 'members.added' && event.actor === userId) member = true;
    if (event.type === 'conversation.created' && event.actor === userId) member = true;
    if (member) for (const print of printsOf(event)) sent.push([index + 1, print]);
    if (event.type === 'member.left' && event.actor === userId) member = false;
  }
  return sent;
}

function check(log: HandMadeLog, userId: string, sent: readonly [number, number][], startedAfter = 0) {
  const received = new Received();
  for (const [sequence, print] of sent) received.add(sequence, print);
  const { conversation } = fold(log);
  const checking = new FeedCheck([{ userId, received, startedAfter }], new Map([[ROOM, conversation]]));
  for (const [index, event] of log.commits.entries()) checking.noteMemberships(index + 1, [event]);
  for (const [index, event] of log.commits.entries()) checking.compare(index + 1, [event]);
  return checking.feeds[0]?.end();
}

const played = fc
  .array(fc.constantFrom('say', 'read', 'edit', 'other'), { minLength: 1, maxLength: 40 })
  .map((actions) => {
    const log = new HandMadeLog().create().say('owner').join('ann').join('bob');
    for (const [index, action] of actions.entries()) {
      if (action === 'say') log.say('owner', `body ${index}`);
      if (action === 'read') log.read('bob', 1);
      if (action === 'edit') log.edit(1, `body ${index}`);
      if (action === 'other') log.join(`guest ${index}`);
    }
    return log;
  });
const place = fc.double({ min: 0, max: 0.999, noNaN: true });

describe('FeedCheck', () => {
  it('finds nothing when a member was sent everything', () => {
    fc.assert(
      fc.property(played, (log) => {
        const sent = exactly(log, 'ann');
        expect(check(log, 'ann', sent)).toEqual({
          received: sent.length,
          required: sent.length,
          missing: 0,
          misplaced: 0,
        });
      }),
    );
  });

  it('finds any one event that is missing', () => {
    fc.assert(
      fc.property(played, place, (log, at) => {
        const sent = exactly(log, 'ann');
        sent.splice(Math.floor(at * sent.length), 1);
        expect(check(log, 'ann', sent)).toMatchObject({ missing: 1, misplaced: 0 });
      }),
    );
  });

  it('finds any one event that came twice', () => {
    fc.assert(
      fc.property(played, place, place, (log, from, to) => {
        const sent = exactly(log, 'ann');
        const again = sent[Math.floor(from * sent.length)];
        if (again) sent.splice(Math.floor(to * (sent.length + 1)), 0, again);
        const findings = check(log, 'ann', sent);
        expect((findings?.misplaced ?? 0) + (findings?.missing ?? 0)).toBeGreaterThan(0);
      }),
    );
  });

  it('finds two events that changed places', () => {
    fc.assert(
      fc.property(played, place, (log, at) => {
        const sent = exactly(log, 'ann');
        fc.pre(sent.length > 1);
        const index = Math.floor(at * (sent.length - 1));
        const [moved] = sent.splice(index, 1);
        if (moved) sent.splice(index + 1, 0, moved);
        expect(check(log, 'ann', sent)?.misplaced).toBeGreaterThan(0);
      }),
    );
  });

  it('finds what was shown to somebody who had not joined yet', () => {
    const log = new HandMadeLog().create().say('owner').join('ann');
    const early = printsOf(log.commits[1] as LogEvent).map((print): [number, number] => [2, print]);
    expect(check(log, 'ann', [...early, ...exactly(log, 'ann')])).toMatchObject({ misplaced: 1 });
  });

  it('asks nothing of before the socket was there', () => {
    const log = new HandMadeLog().create().join('ann').say('owner').say('owner');
    const sent = exactly(log, 'ann').filter(([sequence]) => sequence > 3);
    expect(check(log, 'ann', sent, 3)).toMatchObject({ required: 1, missing: 0, misplaced: 0 });
  });

  it('lets a membership that has ended be shown or not, and what comes after it never', () => {
    const log = new HandMadeLog().create().join('ann').say('owner').leave('ann').say('owner');
    const sent = exactly(log, 'ann');
    expect(check(log, 'ann', sent)).toMatchObject({ missing: 0, misplaced: 0 });
    expect(check(log, 'ann', [])).toMatchObject({ missing: 0, misplaced: 0 });
    const late = printsOf(log.commits[4] as LogEvent).map((print): [number, number] => [5, print]);
    expect(check(log, 'ann', [...sent, ...late])).toMatchObject({ misplaced: 1 });
  });

  it('asks for everything since a member came back', () => {
    const log = new HandMadeLog().create().join('ann').leave('ann').say('owner').join('ann').say('owner');
    expect(check(log, 'ann', exactly(log, 'ann').slice(-2))).toMatchObject({ required: 2, missing: 0 });
    expect(check(log, 'ann', exactly(log, 'ann').slice(-1))).toMatchObject({ missing: 1 });
  });
});
