import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckPolicy, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { conversationSubject, LOG_STREAM, SNAPSHOT_BUCKET } from '@parley/contracts';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import { type OpenLog, openEventLog, raiseCompleteFrom } from '@parley/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quietLogger } from '../open-log.ts';
import { AnalyticsConsumers } from './consumers.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-analytics-user-'));
const subject = conversationSubject('01890a5d-ac96-774b-bcce-b302099a8057');
const wish = { name: 'local', ackWaitSeconds: 30 };
const OWN = 'analytics_local';
let server: NatsServer;
let opened: OpenLog;
let services: NatsConnection;
let manager: JetStreamManager;
let reader: NatsConnection;
/** Subjects that the server refused to the reader, in order. */
const refused: string[] = [];

const withConsumers = <T>(work: (consumers: AnalyticsConsumers) => Promise<T>) =>
  AnalyticsConsumers.use(server.url, work);

beforeAll(async () => {
  server = await startNats({ dir, analyticsConsumer: OWN });
  // As the services connect: with nothing but the address.
  opened = await openEventLog({ natsUrl: server.url, replicas: 1, name: 'test', logger: quietLogger });
  services = await connect({ servers: server.url });
  manager = await jetstreamManager(services);
  for (let sequence = 0; sequence < 10; sequence++) {
    const payload = new TextEncoder().encode(`commit ${sequence + 1}`);
    await opened.log.append({ subject, commitId: `c${sequence}`, payload, expectedLastSequence: sequence });
  }
  await withConsumers((consumers) => consumers.add(wish));
  await withConsumers((consumers) => consumers.add({ ...wish, name: 'other' }));
  const { username: user, password: pass, host } = new URL(server.analyticsUrl ?? '');
  reader = await connect({ servers: host, user, pass, inboxPrefix: '_INBOX_analytics' });
  void (async () => {
    for await (const status of reader.status()) {
      const subject = status.type === 'error' && /"(.*)"/.exec(status.error.message)?.[1];
      if (subject) refused.push(subject);
    }
  })();
}, 60_000);
afterAll(async () => {
  await Promise.all([reader?.close(), services?.close(), opened?.close()]);
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const state = async () => {
  const { state, config } = await manager.streams.info(LOG_STREAM, { subjects_filter: '>' });
  const consumers = (await manager.consumers.list(LOG_STREAM).next()).map(({ name }) => name).sort();
  return { messages: state.messages, subjects: state.subjects, config, consumers };
};

describe('the user of a reader', () => {
  test.each([
    ['publish an event', subject],
    ['purge the log', `$JS.API.STREAM.PURGE.${LOG_STREAM}`],
    ['delete the log', `$JS.API.STREAM.DELETE.${LOG_STREAM}`],
    ['change the log', `$JS.API.STREAM.UPDATE.${LOG_STREAM}`],
    ['make a stream', '$JS.API.STREAM.CREATE.EVIL'],
    ['delete a commit', `$JS.API.STREAM.MSG.DELETE.${LOG_STREAM}`],
    ['read any commit', `$JS.API.STREAM.MSG.GET.${LOG_STREAM}`],
    ['read any commit directly', `$JS.API.DIRECT.GET.${LOG_STREAM}`],
    ['read snapshots', `$JS.API.DIRECT.GET.KV_${SNAPSHOT_BUCKET}.>`],
    ['make a consumer', `$JS.API.CONSUMER.CREATE.${LOG_STREAM}`],
    ['make a named consumer', `$JS.API.CONSUMER.CREATE.${LOG_STREAM}.evil`],
    ['make a durable consumer', `$JS.API.CONSUMER.DURABLE.CREATE.${LOG_STREAM}.evil`],
    ['delete its consumer', `$JS.API.CONSUMER.DELETE.${LOG_STREAM}.${OWN}`],
    ["pull from another's consumer", `$JS.API.CONSUMER.MSG.NEXT.${LOG_STREAM}.analytics_other`],
    [
      "pull from another's consumer by its own prefix",
      `parley.CONSUMER.MSG.NEXT.${LOG_STREAM}.analytics_other`,
    ],
    ["look at another's consumer", `parley.CONSUMER.INFO.${LOG_STREAM}.analytics_other`],
    ["acknowledge for another's consumer", `$JS.ACK.${LOG_STREAM}.analytics_other.1.1.1.1.1`],
    ["write to a service's inbox", '_INBOX.abc'],
    ['signal the services', 'sig.anything'],
  ])('cannot %s', async (_act, target) => {
    const before = await state();
    reader.publish(target, '{}', { reply: '_INBOX_analytics.answer' });
    await reader.flush();
    await expect.poll(() => refused).toContain(target);
    expect(await state()).toEqual(before);
  });

  test.each([['>'], ['evt.>'], ['_INBOX.>'], ['_INBOX_other.>'], ['$JS.>']])(
    'cannot listen to %s',
    async (target) => {
      reader.subscribe(target, { callback: () => undefined });
      await reader.flush();
      await expect.poll(() => refused).toContain(target);
    },
  );

  test('can read every commit through its own consumer and acknowledge it', async () => {
    await withConsumers(async (consumers) => {
      await consumers.remove('local');
      await consumers.add(wish);
    });
    const consumer = await jetstream(reader, { apiPrefix: 'parley' }).consumers.get(LOG_STREAM, OWN);
    const texts: string[] = [];
    for await (const message of await consumer.fetch({ max_messages: 10, expires: 5_000 })) {
      expect(message.subject).toBe(subject);
      texts.push(message.string());
      expect(await message.ackAck()).toBe(true);
    }
    expect(texts).toEqual(Array.from({ length: 10 }, (_, at) => `commit ${at + 1}`));
    const [local] = await withConsumers((consumers) => consumers.list());
    expect(local).toMatchObject({ name: 'local', behind: 0, unacknowledged: 0 });
    expect(local?.position).toBe(`${opened.log.epoch}:10`);
  });

  test('is not let in with another password', async () => {
    const { host } = new URL(server.analyticsUrl ?? '');
    await expect(connect({ servers: host, user: 'analytics', pass: 'guess' })).rejects.toThrow(
      /authorization/i,
    );
  });
});

describe('readers', () => {
  test('are made once; the same wish again changes nothing and another one is refused', async () => {
    const position = `${opened.log.epoch}:4`;
    await withConsumers(async (consumers) => {
      const made = await consumers.add({ ...wish, name: 'late', from: position });
      expect(made).toMatchObject({ consumer: 'analytics_late', from: position, position, behind: 6 });
      expect(await consumers.add({ ...wish, name: 'late', from: position })).toEqual(made);
      await expect(consumers.add({ ...wish, name: 'late' })).rejects.toThrow('parley analytics remove late');
      expect(await consumers.remove('late')).toBe(true);
      expect(await consumers.remove('late')).toBe(false);
    });
  });

  test('do not begin at a position of another log, nor have a name that is no token', async () => {
    const other = '2b0e6c1e-0d4b-4f0e-9d43-6f3c1d2a7b10:3';
    await withConsumers(async (consumers) => {
      await expect(consumers.add({ ...wish, name: 'x', from: other })).rejects.toThrow('of another log');
      await expect(consumers.add({ ...wish, name: 'x', from: 'soon' })).rejects.toThrow('is no position');
      await expect(consumers.add({ ...wish, name: 'a.b' })).rejects.toThrow('is no name');
    });
  });

  test('are not the consumers of others', async () => {
    await manager.consumers.add(LOG_STREAM, { durable_name: 'archive', ack_policy: AckPolicy.None });
    const names = (await withConsumers((consumers) => consumers.list())).map(({ name }) => name);
    expect(names).toEqual(['local', 'other']);
  });
});

test('a reader cannot make the server write to the log by naming a subject of it as where to answer', async () => {
  const before = await state();
  const reply = conversationSubject('01890a5d-ac96-774b-bcce-b302099a9999');
  const info = `CONSUMER.INFO.${LOG_STREAM}.${OWN}`;
  reader.publish(`parley.${info}`, '', { reply });
  reader.publish(`parley.CONSUMER.MSG.NEXT.${LOG_STREAM}.${OWN}`, '2', { reply });
  reader.publish(`$JS.ACK.${LOG_STREAM}.${OWN}.1.1.1.1.1`, '+NXT', { reply });
  await reader.flush();
  // A service that asks so does write: what the reader sent came before, and only this one is added.
  services.publish(`$JS.API.${info}`, '', { reply });
  const messages = async () => (await state()).messages;
  await expect.poll(messages).toBeGreaterThan(before.messages);
  expect((await state()).subjects).toEqual({ ...before.subjects, [reply]: 1 });
});

test('a reader made after a retention begins where the log is complete, never with what is left of before', async () => {
  await raiseCompleteFrom(manager, 6);
  const at = (sequence: number): string => `${opened.log.epoch}:${sequence}`;
  const { last } = await opened.log.bounds();
  const made = await withConsumers((consumers) => consumers.add({ ...wish, name: 'late' }));
  expect(made).toMatchObject({ from: at(5), behind: last - 5 });
  await raiseCompleteFrom(manager, 8);
  expect(await withConsumers((consumers) => consumers.add({ ...wish, name: 'late' }))).toEqual(made);
  const before = withConsumers((consumers) => consumers.add({ ...wish, name: 'later', from: at(6) }));
  await expect(before).rejects.toThrow(`The log begins at ${at(8)}`);
  const there = withConsumers((consumers) => consumers.add({ ...wish, name: 'later', from: at(7) }));
  expect(await there).toMatchObject({ from: at(7), behind: last - 7 });
});
