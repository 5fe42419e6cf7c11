import { DEFAULT_SETTINGS } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conversation, type Draft, drafts } from './testing/commits.ts';
import {
  ALICE,
  type Circumstances,
  FollowingWorld,
  mayFollow,
  ROOM,
  SEGMENT,
} from './testing/following-world.ts';

const OTHER = conversation(2);

/** Bob's, for Alice to look into: anybody may, or the segment that her token may name. */
function created(type: 'channel' | 'broadcast'): Draft {
  return {
    type: 'conversation.created',
    data: {
      type,
      members: [{ userId: 'bob', role: 'owner' }],
      ...(type === 'broadcast' && { audience: { kind: 'segment', segment: SEGMENT } }),
      settings: DEFAULT_SETTINGS,
    },
  };
}

const weights = [
  ['write', 12],
  ['elsewhere', 3],
  ['pump', 6],
  ['pump-other', 2],
  ['connect', 2],
  ['connect-other', 2],
  ['cut', 1],
  ['follow', 5],
  ['unfollow', 1],
  ['come', 2],
  ['go', 2],
  ['come-and-go', 2],
  ['leave', 1],
  ['ban', 2],
  ['unban', 2],
  ['history', 1],
  ['others', 2],
  ['take-away', 2],
  ['renew', 1],
  ['delete', 0.1],
] as const;
type Step = (typeof weights)[number][0];

const steps = fc.array(
  fc.oneof(...weights.map(([step, weight]) => ({ weight: weight * 10, arbitrary: fc.constant<Step>(step) }))),
  { minLength: 5, maxLength: 60 },
);

const circumstances: fc.Arbitrary<Circumstances> = fc.record({
  ringCommits: fc.integer({ min: 1, max: 12 }),
  behind: fc.nat(4),
  lag: fc.nat(8),
  roomLags: fc.boolean(),
  pageBytes: fc.constantFrom(1, 600, 100_000),
  feed: fc.constantFrom('all' as const, 'none' as const),
});

/** Something said before and after, in the same commit. */
function around(world: FollowingWorld, ...changes: Draft[]): Draft[] {
  const before = drafts.sent(++world.messages);
  for (const change of changes) if (change.type === 'members.added') change.data.ordinal = world.messages;
  return [before, ...changes, drafts.sent(++world.messages)];
}

/** Two or three changes of what Alice is, for one commit. */
function turns(world: FollowingWorld, isMember: boolean): Draft[] {
  const go = world.messages % 2 === 0 ? drafts.left(ALICE) : drafts.removed(ALICE);
  const changes = isMember ? [go, drafts.added(ALICE), go] : [drafts.added(ALICE), go, drafts.added(ALICE)];
  return world.messages % 3 === 0 ? changes : changes.slice(0, 2);
}

async function change(world: FollowingWorld, ...events: Draft[]): Promise<void> {
  await world.write((writer) => writer.commit(ROOM, ...events));
}

async function perform(world: FollowingWorld, step: Step): Promise<void> {
  const { member, banned, deleted, history } = world.standing;
  switch (step) {
    case 'write':
      if (!deleted) await change(world, drafts.sent(++world.messages));
      break;
    case 'elsewhere':
      await world.write((writer) => writer.commit(OTHER, drafts.sent(1)));
      break;
    case 'come':
      if (!deleted && !member && !banned) await change(world, ...around(world, drafts.added(ALICE)));
      break;
    case 'go':
      if (!deleted && member) await change(world, ...around(world, drafts.removed(ALICE)));
      break;
    case 'come-and-go':
      if (!deleted && !banned) await change(world, ...around(world, ...turns(world, member !== null)));
      break;
    case 'leave':
      if (!deleted && member) await change(world, drafts.left(ALICE));
      break;
    case 'ban':
      if (deleted || banned) break;
      await change(world, ...around(world, drafts.banned(ALICE, member ? 'member' : undefined)));
      break;
    case 'unban':
      if (!deleted && banned) await change(world, { type: 'member.unbanned', data: { userId: ALICE } });
      break;
    case 'history': {
      const historyVisibility = history === 'shared' ? 'joined' : 'shared';
      if (!deleted)
        await change(world, { type: 'conversation.updated', data: { settings: { historyVisibility } } });
      break;
    }
    case 'others':
      if (!deleted) await change(world, drafts.added(`user ${world.messages}`), drafts.removed('cleo'));
      break;
    case 'take-away':
      if (!deleted && world.messages > 0) {
        await change(world, drafts.messageDeleted(Math.max(1, world.messages - 2)));
      }
      break;
    case 'delete':
      if (!deleted) await change(world, drafts.deleted());
      break;
    case 'renew':
      world.renew(world.segments.length === 0 ? [SEGMENT] : []);
      break;
    case 'pump':
      world.pump(0);
      break;
    case 'pump-other':
      world.pump(1);
      break;
    case 'connect':
      world.connect(0);
      break;
    case 'connect-other':
      world.connect(1);
      break;
    case 'cut':
      world.cut();
      break;
    case 'follow':
      world.follow();
      break;
    case 'unfollow':
      world.unfollow();
      break;
  }
}

async function play(
  scheduler: fc.Scheduler,
  type: 'channel' | 'broadcast',
  plan: Step[],
  options: Circumstances,
): Promise<FollowingWorld> {
  const world = new FollowingWorld(scheduler, options);
  await change(world, created(type));
  world.pump(0);
  world.connect(0);
  await scheduler.waitIdle();
  world.follow();
  scheduler.scheduleSequence(plan.map((step) => ({ builder: () => perform(world, step), label: step })));
  await world.settle();
  return world;
}

test.each(['channel', 'broadcast'] as const)(
  'whoever follows a %s, whatever happens: each version that may be seen comes once and in order',
  async (type) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), steps, circumstances, async (scheduler, plan, options) => {
        const world = await play(scheduler, type, plan, options);
        const { client, reading, standing, segments } = world;
        expect(world.faults).toEqual([]);
        expect(client.faults).toEqual([]);
        expect(reading.faults).toEqual([]);
        // Only a history that was closed to the reader in the middle of a replay starts over.
        expect(client.resets.filter((reason) => reason !== 'continuity')).toEqual([]);
        if (options.feed === 'none') expect(Math.max(0, ...client.counts.values())).toBeLessThanOrEqual(1);
        expect(world.isFollowing).toBe(mayFollow(standing, segments));
        if (world.isFollowing) expect(client.last).toBe(world.events().length);
      }),
      { numRuns: 500 },
    );
  },
  30_000,
);
