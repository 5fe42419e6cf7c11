import { conversationSubject } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rangeBetween } from '../log/places-in-log.ts';
import { type Draft, drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { openTestLog, type TestLog } from '../log/testing/open-test-log.ts';
import { LogStream } from '../retention/log-stream.ts';
import { pastLines } from './past-lines.ts';
import { type Moment, timeTravel } from './time-travel.ts';

const room = uuid(1);
const NOW = { through: Number.POSITIVE_INFINITY };
const signal = new AbortController().signal;
let place: TestLog;
let writer: LogWriter;
const at: Record<string, number> = {};

beforeAll(async () => {
  place = await openTestLog();
  writer = new LogWriter(place.log);
  at.before = await writer.commit(uuid(2), drafts.created('Another', 'bob'));
  at.created = await writer.commit(room, drafts.created('First title', 'ada', 'eve'), drafts.sent(1, 'one'));
  at.joined = await writer.commit(room, {
    type: 'members.added',
    data: { via: 'add', ordinal: 1, memberCount: 3, members: [{ userId: 'bob', role: 'member' }] },
  });
  await writer.commit(room, drafts.sent(2, 'a secret', 'eve'));
  at.secret = await writer.commit(room, {
    type: 'member.role-changed',
    data: { userId: 'eve', from: 'member', to: 'admin' },
  });
  await writer.commit(room, { type: 'conversation.updated', data: { title: 'Second title' } });
  await writer.commit(room, drafts.edited(1, 'one, corrected'), drafts.deleted(2));
  at.left = await writer.commit(room, { type: 'member.left', data: { userId: 'ada' } });
  at.deleted = await writer.commit(room, { type: 'conversation.deleted', actor: 'eve', data: {} });
});

afterAll(() => place?.close());

async function travel(moment: Moment, messages = 20, conversation = room, skipped = new Set<number>()) {
  return timeTravel(place.log, conversation, moment, { messages, skipped, signal });
}

async function seen(moment: Moment) {
  const past = await travel(moment);
  return {
    title: past?.conversation.title,
    members: past?.members.map(({ userId, role }) => `${userId} ${role}`),
    texts: past?.messages.map(({ body, deleted }) => (deleted ? '(deleted)' : body)),
  };
}

test('a conversation is shown as it was: title, members with their roles, messages with the texts of then', async () => {
  const beginning = { title: 'First title', members: ['ada member', 'eve member'], texts: ['one'] };
  expect(await seen({ through: at.created ?? 0 })).toEqual(beginning);
  expect(await seen({ through: at.secret ?? 0 })).toEqual({
    title: 'First title',
    members: ['ada member', 'bob member', 'eve admin'],
    texts: ['one', 'a secret'],
  });
  expect(await seen({ through: at.left ?? 0 })).toEqual({
    title: 'Second title',
    members: ['bob member', 'eve admin'],
    texts: ['one, corrected', '(deleted)'],
  });
});

test('a version may be in the middle of a commit', async () => {
  expect((await seen({ version: 1 })).texts).toEqual([]);
  expect((await seen({ version: 2 })).texts).toEqual(['one']);
  expect((await seen({ version: 7 })).texts).toEqual(['one, corrected', 'a secret']);
  expect(await travel({ version: 0 })).toBeNull();
});

test('a time is the last commit that was stored by then', async () => {
  const stored = (await place.log.at(at.secret ?? 0))?.storedAt ?? 0;
  const { until } = await rangeBetween(place.log, { until: new Date(stored).toISOString() }, 0);
  expect(until).toBeGreaterThanOrEqual(at.secret ?? 0);
  expect((await place.log.at(until))?.storedAt).toBe(stored);
});

test('there was nothing before it was created, and it stays visible after it was deleted', async () => {
  expect(await travel({ through: at.before ?? 0 })).toBeNull();
  const past = await travel({ through: at.deleted ?? 0 });
  expect(past?.deleted?.by).toBe('eve');
  expect(past?.asOf).toBe(`${place.log.epoch}:${at.deleted}`);
  expect(past && pastLines(past).join('\n')).toMatch(/deleted .* by eve/);
});

test('a conversation whose beginning is gone is not guessed', async () => {
  await new LogWriter(place.log).commit(uuid(9), drafts.sent(1));
  await expect(travel({ version: 9 }, 20, uuid(9))).rejects.toThrow(/archive/);
  const gone = uuid(10);
  const commits = new LogWriter(place.log);
  await commits.commit(gone, drafts.created('Long', 'ada'));
  const kept = await commits.commit(gone, drafts.sent(1));
  await LogStream.use(place.url, (stream) => stream.purge(conversationSubject(gone), kept - 1));
  for (const moment of [{ version: 1 }, { version: 2 }, { through: 0 }, { through: kept - 1 }, NOW]) {
    await expect(travel(moment, 20, gone)).rejects.toThrow(
      /does not hold all of this conversation: it begins at version 2, .* archive/,
    );
  }
  const other = new LogWriter(place.log);
  await other.commit(uuid(8), drafts.created('Whole', 'ada'));
  await new LogWriter(place.log).commit(uuid(8), drafts.created('Again', 'ada'));
  await expect(travel({ version: 9 }, 20, uuid(8))).rejects.toThrow(/version 2 should come/);
});

test('the newest messages are the same however many are kept on the way', async () => {
  const deed = fc.record({ kind: fc.constantFrom('sent', 'edited', 'deleted', 'reacted'), of: fc.nat(30) });
  let conversations = 100;
  await fc.assert(
    fc.asyncProperty(
      fc.array(deed, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (deeds, kept) => {
        const id = uuid(conversations++);
        const events: Draft[] = [];
        let sent = 0;
        for (const { kind, of } of deeds) {
          const ordinal = sent === 0 ? 0 : (of % sent) + 1;
          if (kind === 'sent' || sent === 0) events.push(drafts.sent(++sent, `text ${of}`));
          else if (kind === 'edited') events.push(drafts.edited(ordinal, `edited ${of}`));
          else if (kind === 'deleted') events.push(drafts.deleted(ordinal));
          else {
            const data = { messageId: uuid(900_000 + ordinal), ordinal, emoji: '👍', authorId: 'ada' };
            events.push({ type: 'reaction.added', data });
          }
        }
        await writer.commit(id, drafts.created('Any', 'ada'), ...events);
        const all = await travel(NOW, 1_000, id);
        const few = await travel(NOW, kept, id);
        expect(all?.messages).toHaveLength(sent);
        expect(few).toEqual({ ...all, messages: all?.messages.slice(-kept) });
      },
    ),
    { numRuns: 40 },
  );
});

test('a commit that cannot be read ends it with what to look at, and with no text that a terminal obeys', async () => {
  await new LogWriter(place.log).commit(uuid(6), drafts.created('Whole', 'ada'));
  const subject = conversationSubject(uuid(6));
  const sequence = await writer.append(subject, Buffer.from('[{"id":"\\u001b[2J"}]'));
  const failure = await travel({ version: 9 }, 20, uuid(6)).catch((error: Error) => error.message);
  expect(failure).toContain(`parley show ${sequence}`);
  expect(failure).toContain('\\u001b[2J');
  expect(failure).not.toMatch(/\p{Cc}/u);
});

test('a commit that operators skipped is passed over with its versions, and said to be', async () => {
  const id = uuid(5);
  const own = new LogWriter(place.log);
  await own.commit(id, drafts.created('Before', 'ada'));
  const skipped = await own.commit(
    id,
    { type: 'conversation.updated', data: { title: 'Never' } },
    drafts.sent(1),
  );
  const unreadable = await own.append(conversationSubject(id), Buffer.from('no JSON'));
  await own.commit(id, drafts.sent(2, 'after'));
  const past = await travel(NOW, 20, id, new Set([skipped, unreadable]));
  expect(past).toMatchObject({
    skipped: [skipped, unreadable],
    conversation: { title: 'Before', version: 4 },
  });
  expect(past?.messages.map(({ body }) => body)).toEqual(['after']);
  expect(past && pastLines(past).join('\n')).toContain(
    `commits ${skipped}, ${unreadable}, which operators skipped`,
  );
  expect((await travel({ version: 1 }, 20, id, new Set([skipped, unreadable])))?.skipped).toEqual([]);
  await expect(travel(NOW, 20, id, new Set([unreadable + 1]))).rejects.toThrow(/cannot be read/);
});

test('a version that it has not reached is refused', async () => {
  await expect(travel({ version: 99 })).rejects.toThrow('There is no version 99 yet: the newest is 10.');
});

test('what was written then cannot reach the terminal as a command', async () => {
  const evil = '\u001b]0;owned\u0007\n\u202e';
  await writer.commit(uuid(7), drafts.created(evil, evil), drafts.sent(1, evil, evil));
  const past = await travel({ version: 2 }, 20, uuid(7));
  expect(past && pastLines(past).join('')).not.toMatch(/[\p{Cc}\u202e]/u);
});
