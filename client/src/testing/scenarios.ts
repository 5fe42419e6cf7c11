import type { ParleyClient } from '../client.ts';
import type { SubscriptionItem } from '../connection-model.ts';
import type { MessagesContent } from '../live/contents.ts';
import { createLive, type Live } from '../live/live.ts';
import type { MessageRow } from '../live/message-rows.ts';
import type { Shown, View } from '../live/view.ts';
import { type Stage, same, until } from './stage.ts';

/** Runs in Node and in a browser: it imports the SDK, and throws when something is not as it has to be. */
export interface Scenario {
  name: string;
  run(stage: Stage): Promise<void>;
}

async function roomOf(client: ParleyClient, ...members: string[]): Promise<string> {
  const { result } = await client.createConversation({
    type: 'group',
    title: 'A room',
    members: members.map((userId) => ({ userId })),
  });
  return result.conversationId;
}

const bodiesOf = (item: SubscriptionItem): string[] =>
  item.kind === 'commit'
    ? item.commit.events.flatMap((event) =>
        event.type === 'message.sent' ? [(event.data as { body: string }).body] : [],
      )
    : [];

function bodyOf(row: MessageRow): string | null | undefined {
  return row.kind === 'sent' ? row.message.body : row.data.body;
}

const linesOf = ({ current }: View<Shown<MessagesContent>>): [string, string | null | undefined][] =>
  (current.value?.rows ?? []).map((row) => [row.kind, bodyOf(row)]);

/** Opens views, and closes them when the scenario is over. */
async function looking(clients: ParleyClient[], run: (...lives: Live[]) => Promise<void>): Promise<void> {
  const lives = clients.map(createLive);
  try {
    await run(...lives);
  } finally {
    for (const live of lives) live.close();
  }
}

function open<T>(view: View<T>): View<T> {
  view.listen(() => undefined);
  return view;
}

async function connected(live: Live): Promise<void> {
  const connection = open(live.connection());
  await until(
    () => connection.current.state === 'fresh',
    () => connection.current,
  );
}

async function fresh<T>(view: View<Shown<T>>): Promise<T> {
  return until(
    () => (view.current.state === 'fresh' ? view.current.value : null),
    () => view.current,
  );
}

const lostAnswer: Scenario = {
  name: 'a command whose answers are lost is in the log once',
  async run(stage) {
    const ann = stage.clientOf('ann');
    const room = await roomOf(ann);
    await stage.loseAnswers('command', 2);
    await ann.send(room, 'once', { timeoutMs: 60_000 });
    same(
      (await ann.messages(room)).items.map(({ body }) => body),
      ['once'],
    );
  },
};

const exactlyOnce: Scenario = {
  name: 'a subscription goes on through cuts: everything once and in order',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    const expected = Array.from({ length: 60 }, (_, n) => `message ${n}`);
    const writing = (async () => {
      for (const [n, body] of expected.entries()) {
        await ann.send(room, body);
        if (n % 15 === 7) await stage.cut('socket');
      }
    })();
    const seen: string[] = [];
    const resets: SubscriptionItem[] = [];
    for await (const item of bob.subscribe({ since: ann.ownPosition })) {
      seen.push(...bodiesOf(item));
      if (item.kind === 'reset') resets.push(item);
      if (seen.length >= expected.length) break;
    }
    await writing;
    same(seen, expected);
    same(resets, []);
  },
};

const offline: Scenario = {
  name: 'what is written without a network is shown at once, and sent once and in order when there is one',
  async run(stage) {
    const ann = stage.clientOf('ann');
    const room = await roomOf(ann);
    await looking([ann], async (live) => {
      const messages = open(live.messages(room));
      await fresh(messages);
      await stage.refuse('command', true);
      const bodies = ['one', 'two', 'three'];
      const sent = bodies.map((body) => ann.outbox.send('message.send', { conversationId: room, body }));
      await until(() => linesOf(messages).length === 3);
      same(
        linesOf(messages),
        bodies.map((body) => ['pending', body]),
      );
      await until(() => ann.outbox.entries.some(({ fault }) => fault?.code === 'network'));
      await stage.refuse('command', false);
      await Promise.all(sent.map(({ settled }) => settled));
      await until(
        () => linesOf(messages).every(([kind]) => kind === 'sent'),
        () => linesOf(messages),
      );
      same(
        linesOf(messages),
        bodies.map((body) => ['sent', body]),
      );
      same(
        (await ann.messages(room)).items.map(({ body }) => body),
        bodies,
      );
    });
  },
};

const chatting: Scenario = {
  name: 'two people chat: rows, the inbox and the badge follow, and a row keeps its key',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    await looking([ann, bob], async (annsLive, bobsLive) => {
      if (!annsLive || !bobsLive) return;
      const mine = open(annsLive.messages(room));
      const [theirs, inbox, badge] = [
        open(bobsLive.messages(room)),
        open(bobsLive.inbox()),
        open(bobsLive.unread()),
      ];
      same(mine.current, { state: 'loading', value: null, error: null });
      await Promise.all([fresh(mine), fresh(theirs), fresh(inbox), fresh(badge)]);
      const { key } = ann.outbox.send('message.send', { conversationId: room, body: 'hello' });
      await until(() => mine.current.value?.rows.length === 1);
      same(mine.current.value?.rows[0]?.key, key);
      await until(
        () => mine.current.value?.rows[0]?.kind === 'sent',
        () => mine.current,
      );
      same(
        mine.current.value?.rows.map((row) => row.key),
        [key],
      );
      await until(
        () => theirs.current.value?.rows[0]?.key === key,
        () => theirs.current,
      );
      await until(
        () => inbox.current.value?.items[0]?.me?.unread === 1,
        () => inbox.current,
      );
      await until(
        () => badge.current.value?.total === 1 && badge.current.state === 'fresh',
        () => badge.current,
      );
      await bob.read(room, 1);
      await until(
        () => inbox.current.value?.items[0]?.me?.unread === 0,
        () => inbox.current,
      );
      await until(
        () => badge.current.value?.total === 0,
        () => badge.current,
      );
    });
  },
};

const cutViews: Scenario = {
  name: 'views are stale while the connection is cut, and fresh with all that was missed after it',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    await looking([bob], async (live) => {
      const messages = open(live.messages(room));
      await fresh(messages);
      await stage.refuse('socket', true);
      await until(() => messages.current.state === 'stale');
      const missed = Array.from({ length: 60 }, (_, n) => `missed ${n}`);
      const batch = missed.map(
        (body) => ({ type: 'message.send', data: { conversationId: room, body } }) as const,
      );
      await ann.commands(batch);
      same(linesOf(messages), []);
      let calls = 0;
      messages.listen(() => calls++);
      await stage.refuse('socket', false);
      await fresh(messages);
      same(
        linesOf(messages),
        missed.map((body) => ['sent', body]),
      );
      // Told once for all that came in together, not once for each commit.
      if (calls > missed.length / 2) throw new Error(`the listener was called ${calls} times`);
    });
  },
};

const unreachable: Scenario = {
  name: 'while nothing can be loaded, views are loading and not empty; then they are there',
  async run(stage) {
    const ann = stage.clientOf('ann');
    const room = await roomOf(ann);
    await ann.send(room, 'hello');
    await stage.refuse('read', true);
    await looking([ann], async (live) => {
      const views = [open(live.messages(room)), open(live.inbox()), open(live.unread())];
      const states = new Set<string>();
      for (const view of views) view.listen(() => states.add(view.current.state));
      await ann.send(room, 'still loading');
      same(
        views.map(({ current }) => current),
        views.map(() => ({ state: 'loading', value: null, error: null })),
      );
      await stage.refuse('read', false);
      await Promise.all(views.map((view) => fresh<unknown>(view)));
      same(
        [...states].filter((state) => state !== 'fresh' && state !== 'stale'),
        [],
      );
      same(linesOf(live.messages(room)), [
        ['sent', 'hello'],
        ['sent', 'still loading'],
      ]);
    });
  },
};

const reset: Scenario = {
  name: 'after a reset the views are loaded anew',
  async run(stage) {
    let isLost = false;
    const WebSocket = stage.socketThatGreets((hello) => {
      // Of a log that nobody knows: as if this one had been replaced.
      if (isLost) hello.since = '00000000-0000-4000-8000-000000000000:5';
      isLost = false;
    });
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob', { WebSocket })];
    const room = await roomOf(ann, stage.user('bob'));
    await looking([bob], async (live) => {
      const [messages, inbox] = [open(live.messages(room)), open(live.inbox())];
      await Promise.all([fresh(messages), fresh(inbox)]);
      await stage.refuse('socket', true);
      await until(() => messages.current.state === 'stale');
      await ann.send(room, 'never delivered');
      isLost = true;
      await stage.refuse('socket', false);
      await until(
        () => linesOf(messages).length === 1 && messages.current.state === 'fresh',
        () => messages.current,
      );
      await until(
        () => inbox.current.value?.items[0]?.me?.unread === 1,
        () => inbox.current,
      );
      await ann.send(room, 'delivered');
      await until(
        () => linesOf(messages).length === 2,
        () => messages.current,
      );
    });
  },
};

const ownWhileReloading: Scenario = {
  name: 'an own message is shown all the time, also when it comes while the page is loaded anew',
  async run(stage) {
    let isLost = false;
    const WebSocket = stage.socketThatGreets((hello) => {
      // Beyond the end of this log: nobody knows what was missed.
      if (isLost) hello.since = (hello.since ?? '').replace(/:.*/, ':999999999');
      isLost = false;
    });
    const ann = stage.clientOf('ann', { WebSocket });
    const room = await roomOf(ann);
    await ann.send(room, 'before');
    await looking([ann], async (live) => {
      const [messages, connection] = [open(live.messages(room)), open(live.connection())];
      await fresh(messages);
      await stage.refuse('socket', true);
      await until(() => connection.current.state === 'stale');
      await stage.refuse('read', true);
      isLost = true;
      await stage.refuse('socket', false);
      await until(() => connection.current.state === 'fresh' && !isLost);
      const seen: string[] = [];
      messages.listen(() => seen.push(linesOf(messages).join(' ')));
      // The event alone settles it: once it has, the event has come.
      await stage.loseAnswers('command', 1_000);
      ann.outbox.send('message.send', { conversationId: room, body: 'mine' });
      await until(() => seen.length > 0 && ann.outbox.entries.length === 0);
      await stage.loseAnswers('command', 0);
      same(messages.current.state, 'stale');
      await stage.refuse('read', false);
      await fresh(messages);
      same(
        linesOf(messages).map(([, body]) => body),
        ['before', 'mine'],
      );
      same(
        seen.filter((lines) => !lines.endsWith('mine')),
        [],
      );
    });
  },
};

const paging: Scenario = {
  name: 'history is read backward while messages come',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    const bodies = Array.from({ length: 120 }, (_, n) => `message ${n}`);
    for (const part of [bodies.slice(0, 100), bodies.slice(100)]) {
      const batch = part.map(
        (body) => ({ type: 'message.send', data: { conversationId: room, body } }) as const,
      );
      await ann.commands(batch);
    }
    // What is in the read model when the page is loaded does not come as commits.
    await bob.messages(room, {}, { minPosition: ann.ownPosition });
    await looking([bob], async (live) => {
      const messages = open(live.messages(room));
      await live.loadBefore(room);
      // It has waited for the newest page, and is over when both are shown.
      same(linesOf(messages).length, 100);
    });
    await looking([bob], async (live) => {
      const messages = open(live.messages(room));
      await fresh(messages);
      same(linesOf(messages).length, 50);
      const more = ann.send(room, 'while paging');
      await live.loadBefore(room);
      same(linesOf(messages).filter(([, body]) => body !== 'while paging').length, 100);
      await more;
      await live.loadBefore(room);
      await until(
        () => linesOf(messages).length === 121,
        () => linesOf(messages).length,
      );
      same(
        linesOf(messages),
        [...bodies, 'while paging'].map((body) => ['sent', body]),
      );
      same(messages.current.value?.hasBefore, false);
      await live.loadBefore(room);
      same(linesOf(messages).length, 121);
    });
  },
};

const refusals: Scenario = {
  name: 'a refused message shows why until it is given up, and a conversation that is lost is refused',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    await looking([bob], async (live) => {
      const [messages, inbox] = [open(live.messages(room)), open(live.inbox())];
      await Promise.all([fresh(messages), fresh(inbox)]);
      const { key } = bob.outbox.send('message.send', { conversationId: room, body: ' ' });
      const row = await until(() => messages.current.value?.rows.find(({ kind }) => kind === 'failed'));
      same([row.key, row.kind === 'failed' && row.fault?.code], [key, 'invalid-request']);
      bob.outbox.discard(key);
      await until(() => linesOf(messages).length === 0);
      await ann.command('members.remove', { conversationId: room, userIds: [stage.user('bob')] });
      await until(
        () => messages.current.state === 'refused',
        () => messages.current,
      );
      same(messages.current.error?.code, 'not-found');
      await until(
        () => inbox.current.value?.items.length === 0,
        () => inbox.current,
      );
      await ann.command('members.add', { conversationId: room, members: [{ userId: stage.user('bob') }] });
      await until(
        () => messages.current.state === 'fresh',
        () => messages.current,
      );
      await until(
        () => inbox.current.value?.items.length === 1,
        () => inbox.current,
      );
    });
  },
};

const typing: Scenario = {
  name: 'who types is shown until they send or stop',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    const room = await roomOf(ann, stage.user('bob'));
    await looking([ann, bob], async (annsLive, bobsLive) => {
      if (!annsLive || !bobsLive) return;
      const [mine, theirs] = [open(annsLive.typing(room)), open(bobsLive.typing(room))];
      await Promise.all([connected(annsLive), connected(bobsLive)]);
      const annTypes = () => theirs.current[0] === stage.user('ann');
      annsLive.sayTyping(room, true);
      await until(annTypes);
      same(mine.current, []);
      await ann.send(room, 'done');
      await until(() => theirs.current.length === 0);
      annsLive.sayTyping(room, false);
      await until(() => {
        annsLive.sayTyping(room, true);
        return annTypes();
      });
      annsLive.sayTyping(room, false);
      await until(() => theirs.current.length === 0);
      const rows = open(bobsLive.messages(room));
      annsLive.sayTyping(room, true);
      await until(annTypes);
      await ann.outbox.send('message.send', { conversationId: room, body: 'by the outbox' }).settled;
      await until(() => theirs.current.length === 0 && linesOf(rows).length === 2);
      // The next key is said at once, once: the one before the message does not count any more.
      annsLive.sayTyping(room, true);
      await until(annTypes);
    });
  },
};

const refusedToken: Scenario = {
  name: 'why the server refuses a token is told, until there is one that it takes',
  async run(stage) {
    let isRefused = true;
    const good = stage.clientOf('ann');
    const room = await roomOf(good);
    const ann = stage.clientOf('ann', { token: () => (isRefused ? 'none' : stage.tokenOf('ann')) });
    await looking([ann], async (live) => {
      const [connection, messages] = [open(live.connection()), open(live.messages(room))];
      await until(() => connection.current.error !== null);
      same(
        [connection.current.state, connection.current.error?.code, messages.current.state],
        ['loading', 'unauthenticated', 'loading'],
      );
      isRefused = false;
      await fresh(messages);
      same(connection.current, { state: 'fresh', error: null });
    });
  },
};

const crowd: Scenario = {
  name: 'whoever is on the screen is seen, however many were looked at before',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    await looking([ann, bob], async (annsLive, bobsLive) => {
      if (!annsLive || !bobsLive) return;
      const before = Array.from({ length: 200 }, (_, n) => stage.user(`a${n}`));
      const first = stage.user('a0');
      const left = bobsLive.presence(before);
      const stop = left.listen(() => undefined);
      await until(() => left.current.get(first)?.state === 'offline');
      await connected(annsLive);
      // It is kept for a while, and takes no place from who is looked at.
      stop();
      const watched = open(bobsLive.presence([stage.user('ann')]));
      const state = () => watched.current.get(stage.user('ann'))?.state;
      await until(() => state() === 'active', state);
    });
  },
};

const presence: Scenario = {
  name: 'who is watched is seen as they say, and offline when they go',
  async run(stage) {
    const [ann, bob] = [stage.clientOf('ann'), stage.clientOf('bob')];
    await looking([ann, bob], async (annsLive, bobsLive) => {
      if (!annsLive || !bobsLive) return;
      const watched = open(bobsLive.presence([stage.user('ann')]));
      const state = () => watched.current.get(stage.user('ann'))?.state;
      same(state(), 'unknown');
      await until(() => state() === 'offline', state);
      annsLive.setPresence('dnd');
      await connected(annsLive);
      await until(() => state() === 'dnd', state);
      annsLive.setPresence('active');
      await until(() => state() === 'active', state);
      await stage.refuse('socket', true);
      await until(() => state() === 'unknown', state);
      await stage.refuse('socket', false);
      await Promise.all([connected(annsLive), connected(bobsLive)]);
      await until(() => state() === 'active', state);
      annsLive.close();
      await until(() => state() === 'offline', state);
    });
  },
};

const visiting: Scenario = {
  name: 'a channel that one only looks at is followed, through cuts, and is in no inbox before joining it',
  async run(stage) {
    const [ann, eve] = [stage.clientOf('ann'), stage.clientOf('eve')];
    const channel = await ann.createConversation({ type: 'channel', title: stage.user('news') });
    const room = channel.result.conversationId;
    await ann.send(room, 'one');
    await eve.messages(room, {}, { minPosition: ann.ownPosition });
    await looking([eve], async (live) => {
      const [messages, inbox] = [open(live.messages(room)), open(live.inbox())];
      await Promise.all([fresh(messages), fresh(inbox)]);
      await ann.send(room, 'two');
      await until(
        () => linesOf(messages).length === 2,
        () => messages.current,
      );
      await stage.cut('socket');
      await ann.send(room, 'three');
      await until(
        () => linesOf(messages).length === 3,
        () => messages.current,
      );
      same(inbox.current.value?.items, []);
      await eve.join(room);
      await ann.send(room, 'four');
      await until(
        () => linesOf(messages).length === 4,
        () => messages.current,
      );
      await until(
        () => inbox.current.value?.items[0]?.me?.unread === 1,
        () => inbox.current,
      );
      same(
        linesOf(messages),
        ['one', 'two', 'three', 'four'].map((body) => ['sent', body]),
      );
      // Looked at before the read model has it.
      const next = await ann.createConversation({ type: 'channel', title: stage.user('more news') });
      await fresh(open(live.messages(next.result.conversationId)));
    });
  },
};

export const scenarios: readonly Scenario[] = [
  lostAnswer,
  exactlyOnce,
  offline,
  chatting,
  cutViews,
  unreachable,
  reset,
  ownWhileReloading,
  paging,
  refusals,
  refusedToken,
  typing,
  presence,
  crowd,
  visiting,
];
