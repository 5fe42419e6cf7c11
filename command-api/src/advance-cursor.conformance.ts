import { readsSubject } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accepted, commitsOf, commitsOn, type Place, refusal, WriterProcess } from './testing/writer-rig.ts';

/** What must hold of cursors that move and are put back, whatever stores the log. */
export function cursorsConformance(name: string, open: () => Promise<[Place, Place]>): void {
  describe(`a cursor on ${name}`, () => {
    const processes: WriterProcess[] = [];
    let places: [Place, Place];
    let one: WriterProcess;
    let two: WriterProcess;

    const start = (place: Place): WriterProcess => {
      const process = new WriterProcess(place.log, place.snapshots);
      processes.push(process);
      return process;
    };

    beforeAll(async () => {
      places = await open();
      one = start(places[0]);
      two = start(places[1]);
    }, 60_000);
    afterAll(() => Promise.all(processes.map((process) => process.close())));

    const read = async (
      process: WriterProcess,
      actor: string,
      data: { conversationId: string; ordinal: number },
    ) => accepted(await process.do('messages.read', actor, data)).result;
    const storedFor = async (id: string, userId: string) =>
      (await commitsOn(places[0].log, readsSubject(id)))
        .flatMap(({ events }) => events)
        .flatMap((event) => (event.type === 'cursors.advanced' ? event.data.entries : []))
        .filter((entry) => entry.conversationId === id && entry.userId === userId)
        .map(({ at: _, conversationId: _id, userId: _user, ...moved }) => moved);

    test('that was put back elsewhere can be moved to where it was', async () => {
      const id = await one.group('ben');
      for (const body of ['1', '2', '3']) accepted(await one.send(id, 'anna', body));
      expect(await read(one, 'ben', { conversationId: id, ordinal: 3 })).toEqual({ ordinal: 3 });
      expect(await read(one, 'ben', { conversationId: id, ordinal: 2 })).toEqual({ ordinal: 3 });
      const unread = await two.do('messages.mark-unread', 'ben', { conversationId: id, ordinal: 2 });
      expect(accepted(unread).result).toEqual({ ordinal: 1 });
      expect(await read(one, 'ben', { conversationId: id, ordinal: 2 })).toEqual({ ordinal: 2 });
      expect(await read(two, 'ben', { conversationId: id, ordinal: 3 })).toEqual({ ordinal: 3 });
      expect(await storedFor(id, 'ben')).toEqual([
        { readOrdinal: 3 },
        { readOrdinal: 2 },
        { readOrdinal: 3 },
      ]);
    });

    test('is moved and put back in the order of one request', async () => {
      const id = await one.group('ben');
      for (const body of ['1', '2', '3']) accepted(await one.send(id, 'anna', body));
      const request = uuidv7();
      const about = { conversationId: id };
      const answers = await Promise.all([
        one.do('messages.read', 'ben', { ...about, ordinal: 1 }, { request }),
        one.do('messages.read', 'ben', { ...about, ordinal: 3 }, { request }),
        one.do('messages.mark-unread', 'ben', { ...about, ordinal: 1 }, { request }),
        one.do('messages.read', 'ben', { ...about, ordinal: 2 }, { request }),
      ]);
      const results = answers.map((answer) => (accepted(answer).result as { ordinal: number }).ordinal);
      expect(results).toEqual([1, 3, 0, 2]);
      const [, moved = 0, lowered = 0, again = 0] = answers.map((answer) => accepted(answer).sequence);
      expect(moved).toBeLessThan(lowered);
      expect(lowered).toBeLessThan(again);
      expect(await storedFor(id, 'ben')).toEqual([{ readOrdinal: 3 }, { readOrdinal: 2 }]);
    });

    test('moved in private is not the one that others see; delivery is neither', async () => {
      const id = await one.group('ben');
      for (const body of ['1', '2', '3']) accepted(await one.send(id, 'anna', body));
      const about = { conversationId: id };
      const steps = [
        await one.do('messages.delivered', 'ben', { ...about, ordinal: 2 }),
        await one.do('messages.read', 'ben', { ...about, ordinal: 3, private: true }),
        await one.do('messages.delivered', 'ben', { ...about, ordinal: 3 }),
        await one.do('messages.read', 'ben', { ...about, ordinal: 1, private: true }),
        await one.do('messages.read', 'ben', { ...about, ordinal: 2 }),
        await one.do('messages.read', 'anna', { ...about, ordinal: 3 }),
      ];
      const ordinals = steps.map((step) => (accepted(step).result as { ordinal: number }).ordinal);
      expect(ordinals).toEqual([2, 3, 3, 3, 3, 3]);
      expect(await storedFor(id, 'ben')).toEqual([
        { deliveredOrdinal: 2 },
        { readOrdinal: 3, private: true },
        { deliveredOrdinal: 3 },
        { readOrdinal: 2 },
      ]);
      expect(await storedFor(id, 'anna')).toEqual([]);
    });

    test('moved while receipts are off is not shown when they are on again', async () => {
      const id = await one.group('ben');
      for (const body of ['1', '2']) accepted(await one.send(id, 'anna', body));
      const about = { conversationId: id };
      const receipts = async (on: boolean) =>
        accepted(await one.do('conversation.update', 'anna', { ...about, settings: { receipts: on } }));
      await receipts(false);
      const steps = [
        await one.do('messages.delivered', 'ben', { ...about, ordinal: 2 }),
        await one.do('messages.read', 'ben', { ...about, ordinal: 2 }),
        await two.do('messages.delivered', 'ben', { ...about, ordinal: 1 }),
      ];
      const ordinals = steps.map((step) => (accepted(step).result as { ordinal: number }).ordinal);
      expect(ordinals).toEqual([2, 2, 1]);
      expect(await storedFor(id, 'ben')).toEqual([{ readOrdinal: 2, private: true }]);
      await receipts(true);
      accepted(await one.do('messages.read', 'ben', { ...about, ordinal: 2 }));
      expect(await storedFor(id, 'ben')).toEqual([{ readOrdinal: 2, private: true }, { readOrdinal: 2 }]);
    });

    test('of a thread is stored with its root, found in whichever process', async () => {
      const id = await one.group('ben');
      const root = uuidv7();
      accepted(await one.send(id, 'anna', 'root', root));
      const reply = { conversationId: id, body: 'reply', threadId: root, replyTo: root };
      accepted(await two.do('message.send', 'ben', reply));
      accepted(await one.do('message.send', 'anna', reply));
      const moved = { conversationId: id, ordinal: 3, threadId: root };
      expect(accepted(await two.do('messages.read', 'ben', moved)).result).toEqual({ ordinal: 3 });
      expect(accepted(await two.do('messages.read', 'ben', moved)).result).toEqual({ ordinal: 3 });
      expect(await storedFor(id, 'ben')).toEqual([{ readOrdinal: 3, threadOrdinal: 1 }]);
      const [, first] = (await commitsOf(places[0].log, id)).slice(1).flatMap(({ events }) => events);
      expect(first?.data).toMatchObject({ threadId: root, threadOrdinal: 1, replyToAuthor: 'anna' });
    });

    test('of a broadcast’s audience says so', async () => {
      const create = { type: 'broadcast' as const, audience: { kind: 'segment' as const, segment: 'eu' } };
      const { result } = accepted(await one.do('conversation.create', 'anna', create));
      const { conversationId } = result as { conversationId: string };
      accepted(await one.send(conversationId, 'anna', 'news'));
      const data = { conversationId, ordinal: 1 };
      accepted(await two.do('messages.read', 'reader', data, { segments: ['eu'] }));
      expect(refusal(await two.do('messages.read', 'other', data, { segments: ['us'] }))).toBe('not-found');
      expect(await storedFor(conversationId, 'reader')).toEqual([{ readOrdinal: 1, audience: true }]);
    });
  });
}
