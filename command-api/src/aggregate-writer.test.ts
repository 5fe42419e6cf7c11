import { conversationSubject, dataschemaOf, encodeCommit } from '@parley/contracts';
import { LogUnavailable, MemoryEventLog, MemorySnapshotStore } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { writerConformance } from './aggregate-writer.conformance.ts';
import { commitsOf, DeafLog, WriterProcess } from './testing/writer-rig.ts';

writerConformance('memory', async () => {
  const [log, snapshots] = [new MemoryEventLog(), new MemorySnapshotStore()];
  return [
    { log, snapshots },
    { log, snapshots },
  ];
});

describe('an aggregate writer', () => {
  test('answers overloaded beyond 10,000 waiting commands, and then recovers', async () => {
    const process = new WriterProcess(new MemoryEventLog(), new MemorySnapshotStore());
    const id = await process.group();
    const answers = await Promise.all(
      Array.from({ length: 10_500 }, (_, n) => process.send(id, 'anna', `${n}`)),
    );
    const refused = answers.filter((answer) => answer.kind === 'rejected');
    expect(refused).toHaveLength(500);
    expect(refused[0]).toMatchObject({ code: 'overloaded', extras: { retryAfterMs: 1_000 } });
    expect(await process.send(id, 'anna', 'again')).toMatchObject({ result: { ordinal: 10_001 } });
  });

  test('refuses readings beyond 10,000 that wait, and then recovers', async () => {
    const process = new WriterProcess(new MemoryEventLog(), new MemorySnapshotStore());
    const id = await process.group();
    const read = () => process.writers.conversations.confirmed(id, ({ roles }) => roles.has('anna'));
    const readings = await Promise.allSettled(Array.from({ length: 10_500 }, read));
    const refused = readings.filter((reading) => reading.status === 'rejected');
    expect(refused).toHaveLength(500);
    expect(refused[0]?.reason).toMatchObject({ code: 'overloaded', extras: { retryAfterMs: 1_000 } });
    expect(await read()).toBe(true);
  });

  test('fails everybody who waits when the log is away, and loads afresh when it is back', async () => {
    const log = new MemoryEventLog();
    let away = false;
    const deaf = new DeafLog(log, () => (away ? 'lose the request' : 'answer'));
    const process = new WriterProcess(deaf, new MemorySnapshotStore());
    const id = await process.group();
    away = true;
    const sends = Array.from({ length: 500 }, (_, n) => process.send(id, 'anna', `${n}`));
    const outcomes = await Promise.allSettled(sends);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(outcomes[0]).toMatchObject({ reason: expect.any(LogUnavailable) });
    away = false;
    expect(await process.send(id, 'anna', 'back')).toMatchObject({
      kind: 'accepted',
      result: { ordinal: 1 },
    });
  });

  test('never appends on top of commits that the log has lost', async () => {
    const [log, snapshots] = [new MemoryEventLog(), new MemorySnapshotStore()];
    const process = new WriterProcess(log, snapshots);
    const id = await process.group();
    for (let n = 0; n < 3; n++) await process.send(id, 'anna', `${n}`);
    const shorter = new MemoryEventLog({ epoch: log.epoch });
    for (const { events } of (await commitsOf(log, id)).slice(0, 2)) {
      const payload = encodeCommit(events);
      const subject = conversationSubject(id);
      const last = await shorter.lastSequence(subject);
      await shorter.append({ subject, commitId: events[0]?.id ?? '', payload, expectedLastSequence: last });
    }
    Object.assign(log, {
      append: (request: Parameters<typeof log.append>[0]) => shorter.append(request),
      lastSequence: (subject: string) => shorter.lastSequence(subject),
      read: (subject: string, after: number) => shorter.read(subject, after),
    });
    await expect(process.send(id, 'anna', 'on top')).rejects.toThrow('lost commits');
    expect(await shorter.bounds()).toEqual({ first: 1, last: 2 });
  });

  test.each([
    ['a newer build', { type: 'member.knighted' }],
    ['a user', { type: 'user.blocked', dataschema: dataschemaOf('user.blocked') }],
  ])('refuses to decide on events of %s', async (_, stranger) => {
    const left = { type: 'member.left', dataschema: dataschemaOf('member.left'), data: { userId: 'ben' } };
    const log = new MemoryEventLog();
    const process = new WriterProcess(log, new MemorySnapshotStore());
    const id = await process.group();
    const subject = conversationSubject(id);
    const [created] = await commitsOf(log, id);
    const first = created?.events[0];
    const about = { commandid: uuidv7(), commandhash: 'h' };
    const known = { ...first, ...about, id: 'a', ...left, version: 2 };
    const newer = { ...first, ...about, id: 'b', ...stranger, version: 3 };
    const payload = Buffer.from(JSON.stringify([known, newer]));
    await log.append({ subject, commitId: 'newer', payload, expectedLastSequence: created?.sequence ?? 0 });
    // Nor on the half of the commit that it could read.
    for (const body of ['hello', 'hello again']) {
      await expect(process.send(id, 'anna', body)).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(await log.bounds()).toEqual({ first: 1, last: 2 });
  });

  test('works without a usable snapshot', async () => {
    const [log, snapshots] = [new MemoryEventLog(), new MemorySnapshotStore()];
    const id = await new WriterProcess(log, snapshots).group();
    for (const bytes of ['not json', '{}', '{"format":4,"epoch":"other"}']) {
      await snapshots.put(conversationSubject(id), Buffer.from(bytes), { epoch: log.epoch, sequence: 0 });
      const process = new WriterProcess(log, snapshots);
      expect(await process.send(id, 'anna', bytes)).toMatchObject({ kind: 'accepted' });
    }
  });

  test('keeps idle conversations within the limit of the cache, however they have grown', async () => {
    const process = new WriterProcess(new MemoryEventLog(), new MemorySnapshotStore(), { idleWeight: 2_000 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => process.group()));
    for (const id of ids) {
      await Promise.all(Array.from({ length: 300 }, (_, n) => process.send(id, 'anna', `${n}`)));
      expect(process.writers.conversations.idleWeight).toBeLessThanOrEqual(2_000);
    }
    expect(process.writers.conversations.idleWeight).toBeGreaterThan(1_000);
    expect(await process.send(ids[0] ?? '', 'anna', 'dropped, not lost')).toMatchObject({
      result: { ordinal: 301 },
    });
  });

  test('gives events of a conversation times that never go back', async () => {
    let now = Date.now();
    const process = new WriterProcess(new MemoryEventLog(), new MemorySnapshotStore(), { now: () => now });
    const id = await process.group();
    now -= 5_000;
    await process.send(id, 'anna', 'the clock was set back');
    const times = (await commitsOf(process.log, id)).flatMap(({ events }) => events.map(({ time }) => time));
    expect(times).toEqual([...times].sort());
  });
});
