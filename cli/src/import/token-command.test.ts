import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TokenCommand } from './token-command.ts';

/** Processes are started. */
const patiently = { timeout: 60_000 };

const running = new AbortController().signal;
let dir: string;
let command: string;
let asked: () => Promise<string[]>;

/** Prints a token that ends after so many seconds, and keeps whom it was asked for. */
const PROGRAM = `
import { appendFileSync } from 'node:fs';
const [file, seconds, user] = process.argv.slice(2);
appendFileSync(file, user + '\\n');
if (user === 'nobody') { console.error('no such user'); process.exit(3); }
const claims = { sub: user === 'impostor' ? 'admin' : user, exp: Math.floor(Date.now() / 1000) + Number(seconds) };
if (user === 'deaf') { process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); }
else if (user === 'chatty') console.log('Welcome!\\nhead.token.sign');
else if (user !== 'silent') console.log('head.' + Buffer.from(JSON.stringify(claims)).toString('base64url') + '.sign');
`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-token-'));
  await writeFile(join(dir, 'token.mjs'), PROGRAM);
  command = `${process.execPath}  ${join(dir, 'token.mjs')}`;
  asked = async () => (await readFile(join(dir, 'asked'), 'utf8').catch(() => '')).trim().split('\n');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const subjectOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub;

test(
  'a token is asked for once a user, whatever the id holds, until it is near its end or refused',
  patiently,
  async () => {
    const long = new TokenCommand(`${command} ${join(dir, 'asked')} 3600`, running);
    const odd = "a; touch x && $(echo 'b')";
    expect(subjectOf(await long.of(odd))).toBe(odd);
    const [one, same] = await Promise.all([long.of('anna'), long.of('anna')]);
    expect(same).toBe(one);
    await long.of('anna');
    expect(await asked()).toEqual([odd, 'anna']);
    long.forget('anna');
    await long.of('anna');
    expect(await asked()).toEqual([odd, 'anna', 'anna']);
    const short = new TokenCommand(`${command} ${join(dir, 'asked')} 30`, running);
    await short.of('ben');
    await short.of('ben');
    expect((await asked()).slice(3)).toEqual(['ben', 'ben']);
  },
);

test(
  'a program that fails or says nothing is told with its reason, and asked again the next time',
  patiently,
  async () => {
    const tokens = new TokenCommand(`${command} ${join(dir, 'asked')} 3600`, running);
    await expect(tokens.of('nobody')).rejects.toThrow(/gave no token for nobody: no such user/);
    await expect(tokens.of('nobody')).rejects.toThrow(/no such user/);
    await expect(tokens.of('silent')).rejects.toThrow(/printed no token for silent/);
    await expect(tokens.of('chatty')).rejects.toThrow(/printed no token for chatty, but other text/);
    await expect(tokens.of('impostor')).rejects.toThrow(/printed a token of admin, not of impostor/);
    await expect(new TokenCommand('/no/such/program', running).of('anna')).rejects.toThrow(
      /gave no token for anna: .*ENOENT/,
    );
    expect(() => new TokenCommand(' ', running)).toThrow(/needs a program/);
  },
);

test(
  'a program that does not end is ended with the import, even one that ignores being told to',
  patiently,
  async () => {
    const stopping = new AbortController();
    const token = new TokenCommand(`${command} ${join(dir, 'deaf')} 3600`, stopping.signal).of('deaf');
    await vi.waitFor(() => access(join(dir, 'deaf')), { timeout: 30_000 });
    stopping.abort(new Error('stopped'));
    await expect(token).rejects.toThrow();
  },
);
