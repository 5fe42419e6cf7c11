import { join } from 'node:path';
import type { VerifyReport } from '@parley/projector';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askJetStream } from '../testing/ask-jetstream.ts';
import { sendCommand } from '../testing/backend.ts';
import { type Operator, startOperator } from '../testing/operator.ts';

const patiently = { timeout: 60_000, interval: 50 };
const conversationId = uuidv7();

let operator: Operator;
let commands: { url: string };
let archive: string;
let said = 0;

beforeAll(async () => {
  operator = await startOperator();
  archive = join(operator.dir, 'archive');
  await operator.backend.start('projector');
  commands = await operator.backend.start('command-api');
  await command('ann', 'conversation.create', {
    ...{ type: 'group', conversationId, title: 'Room' },
    members: [{ userId: 'bob' }],
  });
});
afterAll(() => operator?.stop());

async function command(userId: string, type: string, data: object): Promise<void> {
  const token = await operator.backend.token(userId);
  const reply = await sendCommand(commands, token, type, { key: uuidv7(), data });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
}

/** Says something, and waits until the read model has it. */
async function talk(messages: number): Promise<void> {
  for (let n = 0; n < messages; n++) {
    await command('ann', 'message.send', { conversationId, body: `message ${++said}` });
    if (said % 7 === 0) await command('bob', 'messages.read', { conversationId, ordinal: said });
    if (said % 11 === 0) await command('ann', 'user.set-profile', { displayName: `Ann ${said}` });
  }
  await vi.waitFor(async () => {
    const { head } = await logBounds();
    const { rows } = await operator.db.query('SELECT min(sequence)::int AS at FROM read_model.checkpoints');
    expect(rows[0].at).toBe(head);
  }, patiently);
}

async function logBounds(): Promise<{ first: number; head: number }> {
  const { state } = await askJetStream<{ state: { first_seq: number; last_seq: number } }>(
    operator.natsUrl,
    'STREAM.INFO.EVT',
  );
  return { first: state.first_seq, head: state.last_seq };
}

/** Every row of the read model, by table. */
async function tables(): Promise<Record<string, unknown[]>> {
  const { rows } = await operator.db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
      WHERE table_schema = 'read_model' AND table_name NOT IN ('checkpoints', 'dead_letters') ORDER BY 1`,
  );
  const found: Record<string, unknown[]> = {};
  for (const { name } of rows) {
    const all = await operator.db.query(`SELECT t::text AS row FROM read_model.${name} t ORDER BY 1`);
    found[name] = all.rows.map(({ row }) => row);
  }
  return found;
}

const differing = (compared: VerifyReport['tables']) =>
  compared.filter(({ missing, extra, different }) => missing + extra + different > 0);

test('a rebuild from an archive and the log behind it makes the same tables', async () => {
  await talk(40);
  expect((await operator.parley('archive', '--to', archive, '--segment-commits', '100')).code).toBe(0);
  await talk(20);
  const before = await tables();
  const { code, output, told } = await operator.parley('rebuild', '--from-archive', archive, '--json');
  expect(code, told).toBe(0);
  const { compared, incomparable, parked } = JSON.parse(output);
  expect([incomparable, differing(compared), parked]).toEqual([null, [], { keys: 0, commits: 0 }]);
  expect(compared.length).toBeGreaterThan(20);
  expect(await tables()).toEqual(before);
});

test('when the log has lost what is archived, rebuild and verify ask for the archive and need nothing else', async () => {
  const { head } = await logBounds();
  await operator.parley('archive', '--to', archive);
  await talk(10);
  await askJetStream(operator.natsUrl, 'STREAM.PURGE.EVT', { seq: head - 4 });
  expect((await logBounds()).first).toBe(head - 4);
  for (const words of [['verify'], ['rebuild'], ['rebuild', '--dry-run']]) {
    const refused = await operator.parley(...words);
    expect(refused.code, refused.told).toBe(3);
    expect(refused.told).toContain(`The log begins at ${head - 4}`);
    expect(refused.told).toContain('--from-archive');
    expect(refused.told).not.toContain('    at ');
  }
  const before = await tables();
  const verified = await operator.parley('verify', '--from-archive', archive, '--json');
  expect(verified.code, verified.told).toBe(0);
  expect(JSON.parse(verified.output)).toMatchObject({ clean: true, logBegins: head - 4 });
  const rebuilt = await operator.parley('rebuild', '--from-archive', archive, '--json');
  expect(rebuilt.code, rebuilt.told).toBe(0);
  expect(differing(JSON.parse(rebuilt.output).compared)).toEqual([]);
  expect(await tables()).toEqual(before);
});

test('a row that commits of before the log made is found wrong and repaired, and a rollback needs no archive', async () => {
  const right = await tables();
  await operator.db.query('UPDATE read_model.messages SET body = $1 WHERE ordinal = 3', ['wrong']);
  const wrong = await tables();
  const { code, output } = await operator.parley('verify', '--from-archive', archive);
  expect(code).toBe(1);
  for (const text of ['"wrong"', '"message 3"', 'are only in the archive']) expect(output).toContain(text);
  expect((await operator.parley('rebuild', '--from-archive', archive)).code).toBe(0);
  expect(await tables()).toEqual(right);
  expect((await operator.parley('rebuild', '--rollback')).code).toBe(0);
  expect(await tables()).toEqual(wrong);
  expect((await operator.parley('rebuild', '--rollback')).code).toBe(0);
  await talk(3);
  expect((await operator.parley('verify', '--from-archive', archive)).code).toBe(0);
});

test('an archive that ends before the log begins is refused with what is missing', async () => {
  const { head } = await logBounds();
  await askJetStream(operator.natsUrl, 'STREAM.PURGE.EVT', { seq: head });
  for (const command of ['verify', 'rebuild']) {
    const { code, told } = await operator.parley(command, '--from-archive', archive);
    expect(code).toBe(2);
    expect(told).toMatch(
      new RegExp(`The archive ends at \\d+ and the log begins at ${head}: .* missing.*archive`, 's'),
    );
  }
});
