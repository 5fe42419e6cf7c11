import { directConversationId, userSubject } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from './answer.ts';
import { accepted, commitsOf, commitsOn, type Place, refusal, WriterProcess } from './testing/writer-rig.ts';

const later = (ms: number): string => new Date(Date.now() + ms).toISOString();
const person = (name: string): string => `${name}-${uuidv7()}`;

/** What must hold of commands that touch more than one aggregate, whatever stores the log. */
export function routesConformance(name: string, open: () => Promise<[Place, Place]>): void {
  describe(`commands across aggregates on ${name}`, () => {
    const processes: WriterProcess[] = [];
    let places: [Place, Place];
    let one: WriterProcess;
    let two: WriterProcess;

    const start = (place: Place): WriterProcess => {
      const process = new WriterProcess(place.log, place.snapshots);
      processes.push(process);
      return process;
    };
    const userEvents = async (userId: string) =>
      (await commitsOn(places[0].log, userSubject(userId))).flatMap(({ events }) => events);
    const typesOf = async (userId: string) => (await userEvents(userId)).map(({ type }) => type);
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

    describe('a block', () => {
      let [anna, ben, id] = ['', '', ''];
      const send = (process: WriterProcess, actor: string) =>
        process.do('message.send', actor, { conversationId: id, body: 'hi' });

      beforeAll(async () => {
        [anna, ben] = [person('anna'), person('ben')];
        id = directConversationId(anna, ben);
        accepted(await one.do('conversation.create', anna, { type: 'direct', members: [{ userId: ben }] }));
      });

      test('refuses every send that begins after it was answered, in whichever process, and its end lets them through', async () => {
        for (let round = 0; round < 5; round++) {
          const blocking = two.do('user.block', ben, { userId: anna });
          const racing = [one, two].flatMap((process) => [send(process, anna), send(process, ben)]);
          accepted(await blocking);
          const after = await Promise.all(
            [one, two].flatMap((process) => [send(process, anna), send(process, ben)]),
          );
          expect(after.map(refusal)).toEqual(['blocked', 'blocked', 'blocked', 'blocked']);
          for (const answer of await Promise.all(racing)) {
            expect(['accepted', 'blocked']).toContain(refusal(answer));
          }
          accepted(await one.do('user.unblock', ben, { userId: anna }));
          expect(refusal(await send(two, anna))).toBe('accepted');
        }
      });

      test('refuses reactions, edits, pins and creating, and nothing that is one’s own', async () => {
        const messageId = uuidv7();
        const key = { key: messageId };
        accepted(await one.do('message.send', anna, { conversationId: id, body: 'hi' }, key));
        const ordinal = (await messagesOf(id)).length;
        accepted(await two.do('user.block', anna, { userId: ben }));
        const about = { conversationId: id, messageId };
        const refused = await Promise.all([
          two.do('message.react', ben, { ...about, emoji: '👍' }),
          two.do('message.unreact', ben, { ...about, emoji: '👍' }),
          one.do('message.edit', anna, { ...about, body: 'hi!' }),
          one.do('message.pin', anna, about),
          one.do('conversation.create', ben, { type: 'direct', members: [{ userId: anna }] }),
        ]);
        expect(refused.map(refusal)).not.toContain('accepted');
        expect(refused.slice(0, 3).map(refusal)).toEqual(['blocked', 'blocked', 'blocked']);
        expect(refusal(refused[4] as Answer)).toBe('blocked');
        const allowed = await Promise.all([
          one.do('messages.read', ben, { conversationId: id, ordinal }),
          two.do('user.hide-message', ben, about),
          two.do('message.report', ben, { ...about, reason: 'spam' }),
          one.do('user.mute', ben, { conversationId: id }),
          two.do('message.delete', anna, about),
        ]);
        expect(allowed.map(refusal)).toEqual(Array.from({ length: 5 }, () => 'accepted'));
        accepted(await one.do('user.unblock', anna, { userId: ben }));
      });

      test('holds for a conversation that is created by the same commit', async () => {
        const [cleo, dan] = [person('cleo'), person('dan')];
        const conversationId = directConversationId(cleo, dan);
        accepted(await one.do('user.block', dan, { userId: cleo }));
        const request = uuidv7();
        const answers = await Promise.all([
          two.do('conversation.create', cleo, { type: 'direct', members: [{ userId: dan }] }, { request }),
          two.do('message.send', cleo, { conversationId, body: 'hi' }, { request }),
        ]);
        expect(answers.map(refusal)).toEqual(['blocked', 'not-found']);
      });
    });

    describe('a command that a conversation allows and the user keeps', () => {
      test('is stored once for its key, and answered again even when the conversation would refuse it now', async () => {
        const ben = person('ben');
        const id = await one.group(ben);
        const key = uuidv7();
        const mute = (process: WriterProcess, until?: string) =>
          process.do('user.mute', ben, { conversationId: id, ...(until && { until }) }, { key });
        const first = accepted(await mute(one));
        accepted(await one.do('members.remove', 'anna', { conversationId: id, userIds: [ben] }));
        for (const process of [one, two]) {
          expect(accepted(await mute(process))).toMatchObject({
            sequence: first.sequence,
            version: first.version,
            replayed: true,
          });
        }
        expect(refusal(await mute(two, later(60_000)))).toBe('idempotency-conflict');
        expect(refusal(await two.do('user.pin', ben, { conversationId: id }))).toBe('not-found');
        expect(await typesOf(ben)).toEqual(['inbox.muted']);
        expect((await commitsOf(places[0].log, id)).flatMap(({ events }) => events)).toHaveLength(2);
      });

      test('names the message as the conversation knows it', async () => {
        const ben = person('ben');
        const id = await one.group(ben);
        const key = uuidv7();
        accepted(await one.send(id, 'anna', 'first'));
        accepted(await one.send(id, 'anna', 'rude', key));
        const about = { conversationId: id, messageId: key };
        accepted(await two.do('user.hide-message', ben, about));
        accepted(await two.do('message.report', ben, { ...about, reason: 'harassment' }));
        expect((await userEvents(ben)).map(({ data }) => data)).toEqual([
          { ...about, ordinal: 2 },
          { ...about, ordinal: 2, authorId: 'anna', reason: 'harassment' },
        ]);
        const unknown = { conversationId: id, messageId: uuidv7() };
        expect(await two.do('user.hide-message', ben, unknown)).toMatchObject({
          code: 'not-found',
          extras: { errors: [{ path: 'messageId' }] },
        });
        expect(refusal(await two.do('user.hide-message', person('eve'), about))).toBe('not-found');
      });
    });
  });
}
