import { encodeCommit, userSubject } from '@parley/contracts';
import { expect, it, vi } from 'vitest';
import { askForRetry, listDeadLetters, skipCommit } from '../dead-letter-wishes.ts';
import { allRows } from '../testing/database.ts';
import { listening, OWN_ROOM, patiently, useProjectedLog } from '../testing/projected-log.ts';
import { userEvent } from '../testing/user-history.ts';
import { isEqual } from '../verify/compare-read-models.ts';
import { verifyReadModel } from '../verify/verify-read-model.ts';

const stage = useProjectedLog();

const UNREADABLE = new Uint8Array([0x5b]);
const NOTHING = { keys: 0, commits: 0 };

const parkedNow = () => listDeadLetters(stage.pool);

/** One commit of the own room that nobody can read, with two behind it. */
async function poisonOwnRoom(): Promise<{ key: string; sequence: number }> {
  for (let n = 0; n < 3; n++) await stage.say();
  const sequence = await stage.say(UNREADABLE);
  for (let n = 0; n < 2; n++) await stage.say();
  await stage.caughtUp();
  return { key: `conv.${OWN_ROOM}`, sequence };
}

async function skip(at: { key: string; sequence: number }): Promise<void> {
  expect(await skipCommit(stage.pool, { ...at, by: 'test' })).toBe(true);
  await askForRetry(stage.pool, [at.key]);
  await vi.waitFor(async () => expect(await parkedNow()).toEqual([]), patiently);
}

async function ownMessages(): Promise<number[]> {
  const { rows } = await stage.pool.query(
    'SELECT ordinal FROM read_model.messages WHERE conversation_id = $1 ORDER BY ordinal',
    [OWN_ROOM],
  );
  return rows.map(({ ordinal }) => ordinal);
}

it('a rebuild parks what the projector has parked, says so, and what is skipped later is skipped in the new tables', async () => {
  const at = await poisonOwnRoom();
  const [rows, parked] = [await allRows(stage.pool), await parkedNow()];
  expect(parked).toMatchObject([{ ...at, commits: 3 }]);
  const rebuilt = await stage.rebuild();
  expect(rebuilt.parked).toEqual({ keys: 1, commits: 3 });
  expect(rebuilt.compared?.every(isEqual)).toBe(true);
  expect(await allRows(stage.pool)).toEqual(rows);
  expect(await parkedNow()).toMatchObject([{ ...at, commits: 3, reason: parked[0]?.reason }]);
  expect(await verifyReadModel(stage.place)).toMatchObject({
    clean: true,
    parked: { keys: 1, commits: 3 },
    parkedOnce: { live: [], log: [] },
  });

  await stage.say();
  await stage.caughtUp();
  expect(await parkedNow()).toMatchObject([{ ...at, commits: 4 }]);
  await skip(at);
  expect(await ownMessages()).toEqual([1, 2, 4, 5, 6]);
  const again = await stage.rebuild();
  expect(again.parked).toEqual(NOTHING);
  expect(again.compared?.every(isEqual)).toBe(true);
  expect(await verifyReadModel(stage.place)).toMatchObject({ clean: true, parked: NOTHING });
  expect(await ownMessages()).toEqual([1, 2, 4, 5, 6]);
});

it('the tables that come back have what was skipped and applied since they were replaced', async () => {
  const at = await poisonOwnRoom();
  await stage.rebuild();
  await skip(at);
  const rows = await allRows(stage.pool);
  await stage.rollBack();
  expect(await allRows(stage.pool)).toEqual(rows);
  expect(await parkedNow()).toEqual([]);
  await stage.say();
  await stage.caughtUp();
  expect((await verifyReadModel(stage.place)).clean).toBe(true);
});

it('what is skipped while a rebuild is under way is in the new tables before they are exchanged', async () => {
  const at = await poisonOwnRoom();
  const reader = await stage.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await reader.query('SELECT count(*) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
    patiently,
  );
  await skip(at);
  await reader.query('COMMIT');
  reader.release();
  const { parked, compared } = await rebuilding;
  expect(said).toContainEqual(expect.stringContaining('retried or skipped meanwhile'));
  expect(parked).toEqual(NOTHING);
  expect(compared?.every(isEqual)).toBe(true);
  expect(await ownMessages()).toEqual([1, 2, 4, 5]);
  expect((await verifyReadModel(stage.place)).clean).toBe(true);
});

it('a rebuild that could read less than the projector exchanges nothing and says what to do', async () => {
  const at = await poisonOwnRoom();
  const before = await allRows(stage.pool);
  // As a projector of another release would have left it, which can read that commit.
  await stage.pool.query('DELETE FROM read_model.dead_letters');
  await expect(stage.rebuild()).rejects.toThrow(
    new RegExp(
      `cannot be folded by this command.*${at.key} from commit ${at.sequence} on.*Nothing was exchanged`,
    ),
  );
  expect(await allRows(stage.pool)).toEqual(before);
  const report = await verifyReadModel(stage.place);
  expect(report.parkedOnce).toMatchObject({ live: [], log: [at] });
});

it('a user whose first commit was skipped is the same in every fold', async () => {
  const subject = userSubject('zoe');
  const name = (displayName: string, version: number) =>
    encodeCommit([userEvent('zoe', 'profile.changed', { displayName }, { version })]);
  const sequence = await stage.append(subject, UNREADABLE);
  await stage.append(subject, name('Zoé', 2));
  await stage.caughtUp();
  const users = async () =>
    (await stage.pool.query(`SELECT user_id, display_name FROM read_model.users WHERE user_id = 'zoe'`)).rows;
  expect(await users()).toEqual([]);
  const parked = await parkedNow();
  expect(parked).toMatchObject([{ sequence, commits: 2 }]);
  expect((await stage.rebuild()).parked).toEqual({ keys: 1, commits: 2 });
  await skip({ key: parked[0]?.key ?? '', sequence });
  await stage.append(subject, name('Zoë', 3));
  await stage.caughtUp();
  expect(await users()).toEqual([{ user_id: 'zoe', display_name: 'Zoë' }]);
  const { compared, parked: left } = await stage.rebuild();
  expect([compared?.every(isEqual), left]).toEqual([true, NOTHING]);
  expect((await verifyReadModel(stage.place)).clean).toBe(true);
  expect(await users()).toEqual([{ user_id: 'zoe', display_name: 'Zoë' }]);
});

it('what was asked for while no projector runs is kept by an exchange', async () => {
  const at = await poisonOwnRoom();
  await stage.stopProjecting();
  await askForRetry(stage.pool, [at.key]);
  await stage.rebuild();
  expect(await parkedNow()).toMatchObject([{ ...at, retryWanted: true }]);
});

it('what was applied up to another commit that waits is in the new tables before they are exchanged', async () => {
  const at = await poisonOwnRoom();
  const second = await stage.say(UNREADABLE);
  await stage.say();
  await stage.caughtUp();
  const reader = await stage.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await reader.query('SELECT count(*) FROM read_model.checkpoints');
  const { said, progress } = listening();
  const rebuilding = stage.rebuild({ progress });
  await vi.waitFor(
    () => expect(said).toContainEqual(expect.stringContaining('waiting to exchange')),
    patiently,
  );
  expect(await skipCommit(stage.pool, { ...at, by: 'test' })).toBe(true);
  await askForRetry(stage.pool, [at.key]);
  await vi.waitFor(async () => expect(await parkedNow()).toMatchObject([{ sequence: second }]), patiently);
  const shown = await ownMessages();
  await reader.query('COMMIT');
  reader.release();
  await rebuilding;
  expect(await ownMessages()).toEqual(shown);
  expect(await parkedNow()).toMatchObject([{ sequence: second, commits: 2 }]);
});
