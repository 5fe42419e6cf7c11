import { directConversationId, type LogEvent } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  accepted,
  commitsOf,
  DeafLog,
  type Place,
  type ProcessOptions,
  refusal,
  WriterProcess,
} from './testing/writer-rig.ts';

const ordinalsOf = (events: LogEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'message.sent' ? [event.data.ordinal] : []));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** What the write side must do, whatever stores the log. `places` are the connections of two processes. */
export function writerConformance(name: string, open: () => Promise<[Place, Place]>): void {
  describe(`the write side on ${name}`, () => {
    const processes: WriterProcess[] = [];
    let places: [Place, Place];
    let one: WriterProcess;
    let two: WriterProcess;

    const start = (place: Place, options?: ProcessOptions): WriterProcess => {
      const process = new WriterProcess(place.log, place.snapshots, options);
      processes.push(process);
      return process;
    };
    const eventsOf = async (conversationId: string): Promise<LogEvent[]> =>
      (await commitsOf(places[0].log, conversationId)).flatMap(({ events }) => events);

    beforeAll(async () => {
      places = await open();
      one = start(places[0]);
      two = start(places[1]);
    }, 60_000);
    afterAll(() => Promise.all(processes.map((process) => process.close())));

    test('stores 200 concurrent sends of two processes once each, dense, in fewer commits', async () => {
      const id = await one.group('ben');
      const answers = await Promise.all(
        upTo(200).map((n) => (n % 2 ? one : two).send(id, n % 3 ? 'anna' : 'ben', `${n}`)),
      );
      const commits = await commitsOf(places[0].log, id);
      const events = commits.flatMap((commit) => commit.events);
      expect(ordinalsOf(events)).toEqual(upTo(200));
      expect(events.map(({ version }) => version)).toEqual(upTo(201));
      expect(new Set(events.map(({ commandid }) => commandid)).size).toBe(201);
      expect(commits.length).toBeLessThan(100);
      for (const answer of answers.map(accepted)) {
        const stored = commits.find(({ sequence }) => sequence === answer.sequence)?.events;
        const event = stored?.find(({ version }) => version === answer.version);
        expect(event).toMatchObject({ type: 'message.sent', data: answer.result });
      }
    });

    test('answers one key sent 50 times at once, and again by a process without caches, with one event', async () => {
      const id = await one.group();
      const key = uuidv7();
      const answers = await Promise.all(
        upTo(50).map((n) => (n % 2 ? one : two).send(id, 'anna', 'once', key)),
      );
      const third = start(places[0]);
      answers.push(await third.send(id, 'anna', 'once', key));
      const [event, ...more] = (await eventsOf(id)).filter(({ type }) => type === 'message.sent');
      expect(more).toEqual([]);
      const all = answers.map(accepted);
      for (const { sequence, version, result } of all) {
        expect({ sequence, version, result }).toEqual({
          sequence: all[0]?.sequence,
          version: event?.version,
          result: { messageId: key, ordinal: 1 },
        });
      }
      expect(all.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(refusal(await third.send(id, 'anna', 'twice', key))).toBe('idempotency-conflict');
      // A stranger learns nothing of the key, a member does.
      expect(refusal(await two.send(id, 'ben', 'once', key))).toBe('not-found');
      accepted(await one.do('members.add', 'anna', { conversationId: id, members: [{ userId: 'ben' }] }));
      expect(refusal(await two.send(id, 'ben', 'once', key))).toBe('idempotency-conflict');
    });

    test('refuses a member removed elsewhere from the first attempt on', async () => {
      const id = await one.group('ben');
      accepted(await two.send(id, 'ben', 'warm'));
      accepted(await one.do('members.remove', 'anna', { conversationId: id, userIds: ['ben'] }));
      expect(refusal(await two.send(id, 'ben', 'gone?'))).toBe('not-found');
      expect(ordinalsOf(await eventsOf(id))).toEqual([1]);
    });

    test('accepts a member added elsewhere at once: no refusal rests on an old state', async () => {
      const id = await one.group();
      expect(refusal(await two.send(id, 'ben', 'too early'))).toBe('not-found');
      accepted(await one.do('members.add', 'anna', { conversationId: id, members: [{ userId: 'ben' }] }));
      accepted(await two.send(id, 'ben', 'here'));
      const { sequence } = accepted(await one.send(id, 'anna', 'newest'));
      const read = await two.do('messages.read', 'ben', { conversationId: id, ordinal: 2 });
      expect(accepted(read).result).toEqual({ ordinal: 2 });
      expect(accepted(read).sequence).toBeGreaterThan(sequence);
    });

    test('finds a message sent elsewhere for an edit or delete, with and without its sequence', async () => {
      const id = await one.group();
      accepted(await two.send(id, 'anna', 'warm'));
      const key = uuidv7();
      const { sequence } = accepted(await one.send(id, 'anna', 'tpyo', key));
      const about = { conversationId: id, messageId: key };
      accepted(await two.do('message.edit', 'anna', { ...about, body: 'typo' }));
      const wrong = await two.do('message.edit', 'anna', { ...about, sequence: sequence + 1, body: 'x' });
      expect(wrong).toMatchObject({ code: 'invalid-request', extras: { errors: [{ path: 'sequence' }] } });
      accepted(await two.do('message.delete', 'anna', { ...about, sequence }));
      expect(refusal(await one.do('message.edit', 'anna', { ...about, body: 'x' }))).toBe('message-deleted');
      const other = { conversationId: id, messageId: uuidv7(), body: 'x' };
      expect(await one.do('message.edit', 'anna', other)).toMatchObject({ code: 'not-found' });
    });

    test('keeps the order of one request, edits and leaving included', async () => {
      const id = await one.group('ben');
      const [request, key] = [uuidv7(), uuidv7()];
      const about = { conversationId: id, messageId: key };
      const answers = await Promise.all([
        one.do('message.send', 'ben', { conversationId: id, body: 'a' }, { request, key }),
        one.do('message.edit', 'ben', { ...about, body: 'b' }, { request }),
        one.do('message.delete', 'ben', about, { request }),
        one.do('conversation.leave', 'ben', { conversationId: id }, { request }),
        one.do('message.send', 'ben', { conversationId: id, body: 'c' }, { request }),
      ]);
      expect(answers.map(refusal)).toEqual(['accepted', 'accepted', 'accepted', 'accepted', 'not-found']);
      expect((await eventsOf(id)).map(({ type }) => type).slice(1)).toEqual([
        'message.sent',
        'message.edited',
        'message.deleted',
        'member.left',
      ]);
    });

    test('creates one direct conversation when both sides begin at once', async () => {
      const [anna, ben] = [`anna-${uuidv7()}`, `ben-${uuidv7()}`];
      const create = (process: WriterProcess, actor: string, other: string) =>
        process.do('conversation.create', actor, { type: 'direct', members: [{ userId: other }] });
      const answers = await Promise.all([create(one, anna, ben), create(two, ben, anna)]);
      const conversationId = directConversationId(anna, ben);
      const results = answers.map((answer) => accepted(answer).result as { created: boolean });
      expect(results.map(({ created }) => created).sort()).toEqual([false, true]);
      expect(results).toEqual([
        expect.objectContaining({ conversationId }),
        expect.objectContaining({ conversationId }),
      ]);
      expect(await eventsOf(conversationId)).toHaveLength(1);
    });

    test.each(['lose the answer', 'lose the request'] as const)(
      'doubles nothing when clients retry with the same keys after the log did %s',
      async (fault) => {
        let appends = 0;
        const place = {
          ...places[0],
          log: new DeafLog(places[0].log, () => (appends++ % 2 ? 'answer' : fault)),
        };
        const shaky = start(place);
        const id = await two.group();
        const keys = upTo(300).map(() => uuidv7());
        const attempts = await Promise.all(
          keys.map(async (key, n) => {
            for (let attempt = 1; ; attempt++) {
              try {
                return { attempt, answer: accepted(await shaky.send(id, 'anna', `${n}`, key)) };
              } catch (error) {
                if (attempt === 50) throw error;
              }
            }
          }),
        );
        const events = await eventsOf(id);
        expect(ordinalsOf(events)).toEqual(upTo(300));
        expect(
          events
            .slice(1)
            .map(({ commandid }) => commandid)
            .sort(),
        ).toEqual([...keys].sort());
        expect(attempts.some(({ attempt }) => attempt > 1)).toBe(true);
        if (fault === 'lose the answer') expect(attempts.some(({ answer }) => answer.replayed)).toBe(true);
      },
    );

    test('goes on from a snapshot, with every recent key, in a process that has never seen the conversation', async () => {
      const id = await one.group('ben');
      const keys = upTo(700).map(() => uuidv7());
      for (const part of [keys.slice(0, 600), keys.slice(600)]) {
        await Promise.all(part.map((key) => one.send(id, 'ben', key, key)));
      }
      const fresh = start(places[1]);
      const again = await Promise.all(keys.map((key) => fresh.send(id, 'ben', key, key)));
      expect(again.map(accepted).every(({ replayed }) => replayed)).toBe(true);
      expect(accepted(await fresh.send(id, 'ben', 'next')).result).toMatchObject({ ordinal: 701 });
      expect(await eventsOf(id)).toHaveLength(702);
    });
  });
}
