import { userSubject } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { userAggregate } from './domain/user-aggregate.ts';
import { loadAggregate } from './load-aggregate.ts';
import {
  accepted,
  commitsOf,
  commitsOn,
  DeafLog,
  logger,
  type Place,
  WriterProcess,
} from './testing/writer-rig.ts';

/** How far the clock of a test runs ahead. */
let ahead = 0;
const now = (): number => Date.now() + ahead;
const later = (ms: number): string => new Date(now() + ms).toISOString();
const randomCharacter = (): string => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000));
const person = (name: string): string => `${name}-${uuidv7()}`;

/** What must hold of scheduled messages, whatever stores the log. */
export function schedulesConformance(name: string, open: () => Promise<[Place, Place]>): void {
  describe(`a scheduled message on ${name}`, () => {
    const processes: WriterProcess[] = [];
    let places: [Place, Place];
    let one: WriterProcess;
    let two: WriterProcess;

    const start = (place: Place): WriterProcess => {
      const process = new WriterProcess(place.log, place.snapshots, { now });
      processes.push(process);
      return process;
    };
    const typesOf = async (userId: string) =>
      (await commitsOn(places[0].log, userSubject(userId))).flatMap(({ events }) =>
        events.map(({ type }) => type),
      );
    const messagesOf = async (conversationId: string) =>
      (await commitsOf(places[0].log, conversationId))
        .flatMap(({ events }) => events)
        .filter(({ type }) => type === 'message.sent');

    beforeAll(async () => {
      places = await open();
      one = start(places[0]);
      two = start(places[1]);
    }, 60_000);
    afterAll(() => Promise.all(processes.map((process) => process.close())));

    const schedule = async (id: string, author: string, more: object = {}): Promise<string> => {
      const data = { conversationId: id, at: later(60_000), message: { body: 'later', ...more } };
      const { result } = accepted(await one.do('message.schedule', author, data));
      return (result as { scheduleId: string }).scheduleId;
    };
    const deliverNow = (process: WriterProcess, userId: string, scheduleId: string) =>
      process.do('message.deliver-scheduled', 'notifier', { userId, scheduleId });

    /** When its time has come. */
    const deliver = (process: WriterProcess, userId: string, scheduleId: string) => {
      ahead += 60_000;
      return deliverNow(process, userId, scheduleId);
    };

    test('is not sent before its time', async () => {
      const ben = person('ben');
      const scheduleId = await schedule(await one.group(ben), ben);
      expect(await deliverNow(two, ben, scheduleId)).toMatchObject({
        code: 'invalid-request',
        extras: { errors: [{ path: 'scheduleId' }] },
      });
      expect(await typesOf(ben)).toEqual(['message.scheduled']);
    });

    test('is one of a hundred long ones in a snapshot that a new process goes on from', async () => {
      const ben = person('ben');
      const id = await one.group(ben);
      // Hardly compressible: more than a message of the log holds.
      const text = () => Array.from({ length: 10_000 }, () => randomCharacter()).join('');
      const texts = Array.from({ length: 100 }, text);
      const schedules = await Promise.all(texts.map((body) => schedule(id, ben, { body })));
      const blocked = Array.from({ length: 500 }, (_, n) => `user${n}`);
      await Promise.all(blocked.map((userId) => one.do('user.block', ben, { userId })));
      const { log, snapshots } = places[1];
      const loaded = await vi.waitFor(
        async () => {
          const state = await loadAggregate({ log, snapshots, logger }, userAggregate(ben));
          expect(state.snapshotVersion).toBeGreaterThanOrEqual(500);
          return state;
        },
        { timeout: 20_000 },
      );
      expect([...loaded.state.schedules.keys()].sort()).toEqual([...schedules].sort());
      const fresh = start(places[1]);
      const last = schedules.at(-1) ?? '';
      expect(accepted(await deliver(fresh, ben, last)).result).toEqual({ outcome: 'sent' });
      const [message] = await messagesOf(id);
      expect(message?.data).toMatchObject({ messageId: last, body: texts.at(-1) });
    });

    test('is sent once as its author, however often and wherever it is delivered', async () => {
      const ben = person('ben');
      const id = await one.group(ben);
      const scheduleId = await schedule(id, ben);
      ahead += 60_000;
      const answers = await Promise.all(
        [one, two, one, two].map((process) => deliverNow(process, ben, scheduleId)),
      );
      answers.push(await deliver(start(places[0]), ben, scheduleId));
      for (const answer of answers) expect(accepted(answer).result).toEqual({ outcome: 'sent' });
      const [message, ...more] = await messagesOf(id);
      expect(more).toEqual([]);
      expect(message).toMatchObject({ actor: ben, commandid: scheduleId, data: { messageId: scheduleId } });
      expect(await typesOf(ben)).toEqual(['message.scheduled', 'schedule.released', 'schedule.sent']);
      expect(await one.do('message.cancel-schedule', ben, { scheduleId })).toMatchObject({
        extras: { errors: [{ path: 'scheduleId' }] },
      });
    });

    test.each(['lose the request', 'lose the answer'] as const)(
      'is one message when a process ends at any step (%s) and another begins again',
      async (fault) => {
        for (const step of [1, 2, 3]) {
          const ben = person('ben');
          const id = await one.group(ben);
          const scheduleId = await schedule(id, ben);
          let appends = 0;
          const dying = new DeafLog(places[0].log, () => (++appends === step ? fault : 'answer'));
          const process = start({ ...places[0], log: dying });
          await expect(deliver(process, ben, scheduleId)).rejects.toThrow('lost');
          expect(appends).toBe(step);
          expect(accepted(await deliver(two, ben, scheduleId)).result).toEqual({ outcome: 'sent' });
          expect(await messagesOf(id)).toHaveLength(1);
          expect(await typesOf(ben)).toEqual(['message.scheduled', 'schedule.released', 'schedule.sent']);
        }
      },
    );

    test('that is refused says why ever after, and is not sent later', async () => {
      const ben = person('ben');
      const id = await one.group(ben);
      const scheduleId = await schedule(id, ben);
      accepted(await two.do('members.remove', 'anna', { conversationId: id, userIds: [ben] }));
      const failed = { outcome: 'failed', code: 'not-found' };
      expect(accepted(await deliver(one, ben, scheduleId)).result).toEqual(failed);
      accepted(await two.do('members.add', 'anna', { conversationId: id, members: [{ userId: ben }] }));
      expect(accepted(await deliver(two, ben, scheduleId)).result).toEqual(failed);
      expect(await messagesOf(id)).toEqual([]);
      accepted(await two.do('message.cancel-schedule', ben, { scheduleId }));
      const cancelled = { outcome: 'cancelled' };
      expect(accepted(await deliver(one, ben, scheduleId)).result).toEqual(cancelled);
      expect(await typesOf(ben)).toEqual([
        'message.scheduled',
        'schedule.released',
        'schedule.failed',
        'schedule.cancelled',
      ]);
    });

    test('that meets slow mode waits for its turn', async () => {
      const ben = person('ben');
      const id = await one.group(ben);
      accepted(
        await one.do('conversation.update', 'anna', {
          conversationId: id,
          settings: { slowModeSeconds: 3_600 },
        }),
      );
      accepted(await one.send(id, ben, 'first'));
      const scheduleId = await schedule(id, ben);
      const waiting = await deliver(two, ben, scheduleId);
      expect(waiting).toMatchObject({ code: 'slow-mode', extras: { retryAfterMs: expect.any(Number) } });
      accepted(
        await one.do('conversation.update', 'anna', {
          conversationId: id,
          settings: { slowModeSeconds: 0 },
        }),
      );
      expect(accepted(await deliver(one, ben, scheduleId)).result).toEqual({ outcome: 'sent' });
    });

    test('that was cancelled, or never was, is not sent', async () => {
      const ben = person('ben');
      const id = await one.group(ben);
      const scheduleId = await schedule(id, ben);
      accepted(await two.do('message.cancel-schedule', ben, { scheduleId }));
      for (const each of [scheduleId, uuidv7()]) {
        expect(accepted(await deliver(one, ben, each)).result).toEqual({ outcome: 'cancelled' });
      }
      expect(await messagesOf(id)).toEqual([]);
    });
  });
}
