import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  conversationSubject,
  type EventsPage,
  encodeCommit,
  type LogEvent,
  type Query,
} from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { type OpenLog, openEventLog } from '@parley/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LogReader } from '../log-reader.ts';
import { logger, ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import { principalOf } from '../testing/rows.ts';
import { Story } from '../testing/story.ts';
import { eventsFrom } from './events.ts';

let dir: string;
let model: ReadModel;
let nats: NatsServer;
let opened: OpenLog;
let reader: LogReader;
let next = 1;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-read-api-events-'));
  [model, nats] = await Promise.all([ReadModel.start(), startNats({ dir: join(dir, 'nats') })]);
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  reader = new LogReader({ natsUrl: nats.url, replicas: 1, name: 'reader', logger });
  await vi.waitFor(() => expect(reader.log.epoch).toBe(opened.log.epoch), { timeout: 20_000 });
});
afterAll(async () => {
  await reader?.close();
  await opened?.close();
  await Promise.all([model?.stop(), nats?.stop()]);
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await model.build();
  await model.pool.query('update read_model.checkpoints set epoch = $1', [opened.log.epoch]);
});

/** A commit of one event for every version of the story, and one of another conversation before each. */
async function storeCommits(story: Story, events: Record<number, object> = {}): Promise<void> {
  for (let version = 1; version <= story.place.version; version++) {
    const other = commitOf(uuid(99), 1, {});
    await opened.log.append({
      ...other,
      commitId: `other-${story.id}-${version}`,
      expectedLastSequence: 'any',
    });
    const commit = commitOf(story.id, version, events[version] ?? {});
    const request = { ...commit, commitId: `${story.id}-${version}`, expectedLastSequence: 'any' as const };
    const outcome = await opened.log.append(request);
    if (outcome.kind !== 'appended') throw new Error('the commit was not stored');
    next = outcome.sequence + 1;
  }
}

/** One commit of all these events; gives where it stands. */
async function storeTogether(id: string, events: readonly object[]): Promise<number> {
  const all = events.map((event, i) => storedEvent(id, i + 1, event));
  const request = { subject: conversationSubject(id), payload: encodeCommit(all), commitId: `${id}-all` };
  const outcome = await opened.log.append({ ...request, expectedLastSequence: 'any' });
  if (outcome.kind !== 'appended') throw new Error('the commit was not stored');
  next = outcome.sequence + 1;
  return outcome.sequence;
}

function commitOf(id: string, version: number, event: object): { subject: string; payload: Uint8Array } {
  return { subject: conversationSubject(id), payload: encodeCommit([storedEvent(id, version, event)]) };
}

function storedEvent(id: string, version: number, event: object): LogEvent {
  const stored = {
    specversion: '1.0',
    id: `${id}-${version}`,
    source: '/parley',
    type: 'later.invented',
    subject: `conversation/${id}`,
    time: timeOf(version),
    dataschema: 'urn:parley:event:later.invented:1',
    version,
    actor: 'ann',
    data: { version },
    ...event,
  };
  return stored as unknown as LogEvent;
}

/** Stands in the log where its commits will be: each has one of another conversation before it. */
async function tell(
  id: string,
  tells: (story: Story) => void,
  events: Record<number, object> = {},
): Promise<Story> {
  const story = new Story(id, { sequence: next + 1, step: 2 });
  tells(story);
  await story.insert(model.pool);
  await storeCommits(story, events);
  return story;
}

async function events(id: string, query: Partial<Query<'events'>> = {}, userId = 'bob'): Promise<EventsPage> {
  const read = eventsFrom(reader, model.pool);
  const found = await model.read((snapshot) =>
    read(snapshot, {
      params: { conversationId: id },
      query: { after: 0, limit: 100, ...query },
      principal: principalOf(userId),
    }),
  );
  return typeof found === 'function' ? found() : found;
}

/** Bob's page, and from which sequences the log was read for it. */
async function watchedEvents(id: string, query: Query<'events'>) {
  const starts: number[] = [];
  const { log } = reader;
  const read: typeof log.read = (subject, sequence, ...rest) => {
    starts.push(sequence);
    return log.read(subject, sequence, ...rest);
  };
  const answer = eventsFrom({ log: { epoch: log.epoch, read } }, model.pool);
  const found = await model.read((snapshot) =>
    answer(snapshot, { params: { conversationId: id }, query, principal: principalOf('bob') }),
  );
  return { page: typeof found === 'function' ? await found() : found, starts };
}

const versions = (page: EventsPage) =>
  page.items.flatMap((each) => each.events.map((event) => event.version));
const span = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('the facts of a conversation', () => {
  it('are its commits as they are stored, and where they stand in the log', async () => {
    const story = await tell(uuid(1), (it) => it.send(3));
    const page = await events(uuid(1));
    expect(page.head).toBe(4);
    expect(page.items.map(({ sequence }) => sequence)).toEqual(
      [3, 2, 1, 0].map((back) => story.place.sequence - 2 * back),
    );
    expect(page.items[1]?.events).toEqual([
      expect.objectContaining({ type: 'later.invented', version: 2, actor: 'ann', data: { version: 2 } }),
    ]);
  });

  it('begin after any version, whatever was edited and deleted since, and end at the limit', async () => {
    const story = await tell(uuid(2), (it) => {
      it.send(10);
      for (const ordinal of [2, 5, 9]) it.add({ kind: 'edit', by: 'ann', ordinal, body: 'edited' });
      for (const ordinal of [1, 6, 10]) it.add({ kind: 'delete', by: 'ann', ordinal });
      it.send(4).add({ kind: 'join', user: 'cyn', role: 'member' });
      it.send(2);
    });
    const head = story.place.version;
    for (const after of span(0, head)) {
      expect(versions(await events(uuid(2), { after }))).toEqual(span(after + 1, head));
      expect(versions(await events(uuid(2), { after, limit: 3 }))).toEqual(
        span(after + 1, Math.min(after + 3, head)),
      );
    }
    expect(await events(uuid(2), { after: 999_999_999_999_999 })).toMatchObject({ items: [], head });
  });

  it('end where the read model is, also when the log is ahead', async () => {
    const story = new Story(uuid(3), { sequence: next + 1, step: 2 }).send(2);
    await story.insert(model.pool);
    await storeCommits(story.send(3));
    const page = await events(uuid(3));
    expect(page.head).toBe(3);
    expect(versions(page)).toEqual([1, 2, 3]);
  });

  it('of somebody else’s lowered cursor say nothing but their place', async () => {
    const lowered = { type: 'cursor.lowered', actor: 'ann', data: { userId: 'ann', ordinal: 1 } };
    await tell(uuid(4), (it) => it.send(2), { 3: lowered });
    const shown = async (userId: string) => (await events(uuid(4), {}, userId)).items[2]?.events[0];
    expect(await shown('ann')).toMatchObject(lowered);
    expect(await shown('bob')).toMatchObject({
      type: 'parley.hidden',
      version: 3,
      actor: 'parley',
      data: {},
    });
    expect(versions(await events(uuid(4), { after: 2, limit: 1 }))).toEqual([3]);
  });

  it('begin with joining where history is for members only, and are none for a visitor', async () => {
    const story = new Story(uuid(5), {
      type: 'channel',
      settings: { historyVisibility: 'joined' },
      sequence: next + 1,
      step: 2,
    }).send(3);
    const joined = story.add({ kind: 'join', user: 'cyn', role: 'member' });
    story.send(2);
    await story.insert(model.pool);
    await storeCommits(story);
    expect(versions(await events(uuid(5), {}, 'cyn'))).toEqual(span(joined.version, story.place.version));
    expect(await events(uuid(5), {}, 'zoe')).toMatchObject({ items: [], head: story.place.version });
    expect(versions(await events(uuid(5), {}, 'ann'))).toEqual(span(1, story.place.version));
  });
});

describe('what a reader may not see of the facts', () => {
  const about = (type: string, ordinal: number, more: object = {}) => ({ type, data: { ordinal, ...more } });
  const dataOf = (page: EventsPage) =>
    page.items.flatMap(({ events }) => events.map((event) => [event.type, event.data]));

  it('is why and until when somebody is banned, unless the reader moderates', async () => {
    const banned = { type: 'member.banned', data: { userId: 'eve', role: 'member', reason: 'spam' } };
    await tell(uuid(8), (it) => it.send(1), { 2: banned });
    const shown = async (userId: string) => (await events(uuid(8), {}, userId)).items[1]?.events[0];
    expect(await shown('ann')).toMatchObject(banned);
    expect((await shown('bob'))?.data).toEqual({ userId: 'eve', role: 'member' });
  });

  it('is in broadcasts shown to admins and not to moderators', async () => {
    const invited = { type: 'member.invited', data: { userId: 'eve' } };
    const story = new Story(uuid(9), { type: 'broadcast', sequence: next + 1, step: 2 });
    story.add({ kind: 'join', user: 'mod', role: 'moderator' });
    story.add({ kind: 'join', user: 'adm', role: 'admin' });
    await story.insert(model.pool);
    await storeCommits(story, { 2: invited });
    const shown = async (userId: string) => (await events(uuid(9), {}, userId)).items[1]?.events[0]?.type;
    expect(await shown('adm')).toBe('member.invited');
    expect(await shown('mod')).toBe('parley.hidden');
  });

  it('is the text of what is deleted or expired', async () => {
    const story = new Story(uuid(10), {
      sequence: next + 1,
      step: 2,
      row: { expired_ordinal: 1 },
    }).send(3);
    for (const ordinal of [1, 2]) story.add({ kind: 'delete', by: 'ann', ordinal });
    await story.insert(model.pool);
    await storeCommits(story, {
      2: about('message.sent', 1, { body: 'expired' }),
      3: about('message.sent', 2, { body: 'deleted' }),
      4: about('message.sent', 3, { body: 'kept' }),
      5: about('message.deleted', 1, { reason: 'old' }),
      6: about('message.deleted', 2, { reason: 'rude' }),
    });
    const mentions = { users: [], all: false, here: false };
    expect(dataOf(await events(uuid(10))).slice(1)).toEqual([
      ['message.sent', { ordinal: 1, mentions }],
      ['message.sent', { ordinal: 2, mentions }],
      ['message.sent', { ordinal: 3, body: 'kept' }],
      ['message.deleted', { ordinal: 1 }],
      ['message.deleted', { ordinal: 2, reason: 'rude' }],
    ]);
  });

  it('is what a commit holds before they joined, and what happens later to messages from before', async () => {
    const settings = { historyVisibility: 'joined' as const };
    const story = new Story(uuid(11), { settings, sequence: next, step: 1 }).send(2);
    const joined = story.add({ kind: 'join', user: 'cyn', role: 'member' });
    story.send(1).add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'better' });
    await story.insert(model.pool);
    const facts = [{}, about('message.sent', 1), about('message.sent', 2), { type: 'members.added' }];
    facts.push(about('message.sent', 3), about('message.edited', 1, { body: 'better' }));
    const at = await storeTogether(uuid(11), facts);
    for (const table of ['messages', 'audit'])
      await model.pool.query(`update read_model.${table} set sequence = $1`, [at]);
    await model.pool.query('update read_model.members set joined_sequence = $1', [at]);
    const page = await events(uuid(11), {}, 'cyn');
    expect(versions(page)).toEqual(span(joined.version, story.place.version));
    expect(dataOf(page).map(([type]) => type)).toEqual(['members.added', 'message.sent', 'parley.hidden']);
    const rest = await events(uuid(11), { after: joined.version }, 'cyn');
    expect(versions(rest)).toEqual([5, 6]);
    expect(versions(await events(uuid(11), {}, 'ann'))).toEqual(span(1, 6));
  });
});

describe('the log', () => {
  it('is read from near the version, however many messages are deleted', async () => {
    const story = await tell(uuid(12), (it) => {
      it.send(16);
      for (const ordinal of [4, 8, 12, 14]) it.add({ kind: 'delete', by: 'ann', ordinal });
    });
    const { page, starts } = await watchedEvents(uuid(12), { after: 15, limit: 2 });
    expect(versions(page)).toEqual([16, 17]);
    const sequenceOf15 = story.place.sequence - 2 * (story.place.version - 15);
    expect(starts).toEqual([sequenceOf15 - 1]);
  });

  it.each([
    ['that has only the end of what was asked for', 4, 8, 5],
    ['whose end the read model has not folded yet', 9, 8, 9],
  ])('%s gives none, and says from where on it does', async (_, first, head, after) => {
    const id = uuid(1_000 + first);
    const story = new Story(id, { sequence: next + 1, step: 2 }).send(head - 1);
    await story.insert(model.pool);
    // As retention leaves it: places of others around, and of its own only the newest.
    for (let version = 1; version <= 9; version++) {
      for (const place of [uuid(99), version < first ? uuid(99) : id]) {
        const commitId = `${id}-${place}-${next++}`;
        const commit = commitOf(place, version, {});
        await opened.log.append({ ...commit, commitId, expectedLastSequence: 'any' });
      }
    }
    next = (await opened.log.bounds()).last + 1;
    for (const asked of span(0, Math.min(first - 2, head - 1))) {
      await expect(events(id, { after: asked })).rejects.toMatchObject({
        code: 'invalid-request',
        extras: { errors: [{ path: 'after', message: expect.stringContaining(`at least ${first - 1}`) }] },
      });
    }
    expect(versions(await events(id, { after: first - 1 }))).toEqual(span(first, head));
    expect(versions(await events(id, { after }))).toEqual(span(after + 1, head));
  });

  it('that loses what comes next between two pages gives none of it', async () => {
    const id = uuid(1_100);
    const story = new Story(id, { sequence: next + 1, step: 2 }).send(7);
    await story.insert(model.pool);
    await storeCommits(story);
    const { log } = reader;
    /** Retention takes versions 4 to 6 after the first page was read. */
    async function* read(...asked: Parameters<typeof log.read>) {
      for await (const page of log.read(...asked)) {
        yield page.slice(0, 3);
        yield page.slice(6);
      }
    }
    const answer = eventsFrom({ log: { epoch: log.epoch, read } }, model.pool);
    const query = { after: 0, limit: 100 };
    const found = await model.read((snapshot) =>
      answer(snapshot, { params: { conversationId: id }, query, principal: principalOf('bob') }),
    );
    expect(found).toBeTypeOf('function');
    await expect(typeof found === 'function' && found()).rejects.toMatchObject({
      code: 'invalid-request',
      extras: { errors: [{ path: 'after' }] },
    });
  });

  it('of another epoch than the read model gives no facts', async () => {
    await tell(uuid(6), (it) => it.send(1));
    await model.pool.query('update read_model.checkpoints set epoch = $1', [uuid(0)]);
    await expect(events(uuid(6))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that is away is said to be, and is read again when it is back', async () => {
    await tell(uuid(7), (it) => it.send(1));
    await nats.kill();
    await vi.waitFor(() =>
      expect(() => reader.log).toThrow(expect.objectContaining({ code: 'unavailable' })),
    );
    await expect(events(uuid(7))).rejects.toMatchObject({ code: 'unavailable' });
    await nats.restart();
    await vi.waitFor(async () => expect(versions(await events(uuid(7)))).toEqual([1, 2]), {
      timeout: 20_000,
    });
  });
});
