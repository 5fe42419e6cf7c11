import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_MEMBERS_WITH_TYPING, type ServerFrame } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { createLogger, type OpenLog, openEventLog } from '@parley/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Feed } from './feed.ts';
import { FlushRound } from './flush-round.ts';
import { Hub } from './hub.ts';
import { conversation } from './testing/commits.ts';
import { Typing } from './typing.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'parley-typing-'));
const ROOM = conversation(1);
const MARK = conversation(99);
const until = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000, interval: 10 });

/** A connected user, and what arrives there of who types. */
class Member {
  readonly heard: [user: string, on: boolean, conversation: string][] = [];
  readonly feed: Feed;
  bufferedBytes = 0;

  constructor() {
    const observer = { overflowed: () => undefined };
    this.feed = new Feed(this, { epoch: 'e', round: new FlushRound(), observer });
    this.feed.begin(0);
    this.feed.goLive(0);
  }

  send(bytes: Uint8Array): void {
    const frame: ServerFrame = JSON.parse(new TextDecoder().decode(bytes));
    if (frame.t === 'typing') this.heard.push([frame.user, frame.on, frame.conversation]);
  }
}

/** One process. */
class Node {
  readonly hub: Hub;
  readonly typing: Typing;

  constructor({ signals }: OpenLog) {
    const observer = { gap: () => undefined, unreadable: () => undefined, unknownRules: () => undefined };
    this.hub = new Hub(0, { maxBytes: 1e6, maxCommits: 10 }, observer);
    this.typing = new Typing({ hub: this.hub, signals });
  }

  /** The user is connected here, and a member. */
  join(userId: string, memberCount = 3, conversationId = ROOM): Member {
    const member = new Member();
    const place = { joinedSequence: 0, joinedOrdinal: 0, role: 'member' } as const;
    const rules = { receipts: true, history: 'shared', type: 'group' } as const;
    this.hub.audience.admit(userId, member.feed, [{ conversationId, memberCount, rules, ...place }]);
    return member;
  }
}

let server: NatsServer;
let logs: OpenLog[];
let here: Node;
let there: Node;
let marks = 0;

beforeAll(async () => {
  server = await startNats({ dir });
  const open = () => openEventLog({ natsUrl: server.url, replicas: 1, name: 'test', logger });
  logs = [await open(), await open()];
});
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  const [one, two] = logs;
  if (!one || !two) throw new Error('two are open');
  here = new Node(one);
  there = new Node(two);
  await settle([here, there]);
});
afterEach(() => {
  for (const node of [here, there]) node.typing.stop();
});

/** Resolves when everything said on one of the nodes before has arrived wherever it arrives. */
async function settle(nodes: readonly Node[]): Promise<void> {
  for (const from of nodes) {
    const listeners = nodes.map((node) => node.join(`listener-${++marks}`, 3, MARK));
    await until(() => {
      const user = `mark-${++marks}`;
      from.join(user, 3, MARK);
      from.typing.say(user, MARK, true);
      from.typing.say(user, MARK, false);
      return listeners.every(({ heard }) => heard.length > 0);
    }).toBe(true);
  }
}

const inRoom = ({ heard }: Member) => heard.filter(([, , id]) => id === ROOM).map(([user, on]) => [user, on]);

test('every connected member is told on every process, the typer on none of their devices', async () => {
  const ann = [here.join('ann'), there.join('ann')];
  const others = [here.join('bob'), there.join('bob'), there.join('cid')];
  here.typing.say('ann', ROOM, true);
  await until(() => others.map(inRoom)).toEqual(others.map(() => [['ann', true]]));
  here.typing.say('ann', ROOM, false);
  const both = [
    ['ann', true],
    ['ann', false],
  ];
  await until(() => others.map(inRoom)).toEqual(others.map(() => both));
  expect(ann.map(inRoom)).toEqual([[], []]);
});

test('who goes on typing is passed on once in a while, and "off" only after "on"', async () => {
  const bob = there.join('bob');
  here.join('ann');
  here.typing.say('ann', ROOM, false);
  for (let i = 0; i < 20; i++) here.typing.say('ann', ROOM, true);
  for (let i = 0; i < 20; i++) here.typing.say('ann', ROOM, false);
  await settle([here, there]);
  expect(inRoom(bob)).toEqual([
    ['ann', true],
    ['ann', false],
  ]);
});

test('nobody is told of who is no member, and who is no member is told nothing', async () => {
  const bob = there.join('bob');
  const outsider = there.join('eve', 3, conversation(2));
  here.join('mal', 3, conversation(2));
  here.typing.say('mal', ROOM, true);
  here.typing.say('nobody', ROOM, true);
  here.join('ann');
  here.typing.say('ann', ROOM, true);
  await until(() => inRoom(bob)).toEqual([['ann', true]]);
  expect(inRoom(outsider)).toEqual([]);
});

test('in conversations of more than a thousand members nobody is told', async () => {
  const bob = there.join('bob', MAX_MEMBERS_WITH_TYPING + 1);
  here.join('ann', MAX_MEMBERS_WITH_TYPING + 1);
  here.typing.say('ann', ROOM, true);
  await settle([here, there]);
  expect(inRoom(bob)).toEqual([]);
});

test('in conversations of a thousand members everybody is told', async () => {
  const bob = there.join('bob', MAX_MEMBERS_WITH_TYPING);
  here.join('ann', MAX_MEMBERS_WITH_TYPING);
  here.typing.say('ann', ROOM, true);
  await until(() => inRoom(bob)).toEqual([['ann', true]]);
});

test('when all of a conversation type at once, ten are shown', async () => {
  const bob = there.join('bob', 30);
  for (let i = 0; i < 30; i++) {
    here.join(`typer-${i}`, 30);
    here.typing.say(`typer-${i}`, ROOM, true);
  }
  await settle([here, there]);
  expect(inRoom(bob)).toHaveLength(10);
});

test('a socket that is half full is passed over', async () => {
  const [full, bob] = [there.join('full'), there.join('bob')];
  full.bufferedBytes = 600_000;
  here.join('ann');
  here.typing.say('ann', ROOM, true);
  await until(() => inRoom(bob)).toEqual([['ann', true]]);
  full.bufferedBytes = 0;
  here.typing.say('ann', ROOM, false);
  await until(() => inRoom(full)).toEqual([['ann', false]]);
});

test('who closes their last socket here while typing has stopped, with another one here not yet', async () => {
  const bob = there.join('bob');
  const [one, two] = [here.join('ann'), here.join('ann')];
  here.typing.say('ann', ROOM, true);
  here.hub.audience.release('ann', one.feed);
  here.typing.leave('ann');
  await settle([here, there]);
  expect(inRoom(bob)).toEqual([['ann', true]]);
  here.hub.audience.release('ann', two.feed);
  here.typing.leave('ann');
  here.typing.leave('ann');
  await settle([here, there]);
  expect(inRoom(bob)).toEqual([
    ['ann', true],
    ['ann', false],
  ]);
});

test('what is no message about typing is passed over', async () => {
  const bob = there.join('bob');
  here.join('ann');
  const bytes = (text: string) => new TextEncoder().encode(text);
  for (const text of ['', '{', 'null', '[]', '{"conversation":1,"user":"ann","on":true}', '{"user":"ann"}']) {
    logs[0]?.signals.send('live.typing', bytes(text));
  }
  here.typing.say('ann', ROOM, true);
  await until(() => inRoom(bob)).toEqual([['ann', true]]);
});
