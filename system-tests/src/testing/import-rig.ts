import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { formatPosition, type InboxPage, type MembersPage, type MessageView } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { expect } from 'vitest';
import { ZipFile } from 'yazl';
import { type Backend, startBackend } from './backend.ts';

const PARLEY = join(import.meta.dirname, '../../../cli/dist/main.js');
const TOKEN_PROGRAM = `
const [url, sub] = process.argv.slice(2);
const body = JSON.stringify({ sub, roles: [], segments: [], device: 'import', ttlSeconds: 3600 });
const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
console.log((await answer.json()).token);
`;

interface Outcome {
  code: number;
  report: {
    made: Record<string, number>;
    present: Record<string, number>;
    skipped: { reason: string; loss: boolean; first: string }[];
    refusals: unknown[];
  };
}

/** A backend of its own, `parley import` into it, and what is there afterwards as its users read it. */
export class ImportRig {
  readonly dir: string;
  readonly backend: Backend;
  readonly commands: LocalServer;
  readonly queries: LocalServer;
  readonly #opened: { log: EventLog; close(): Promise<void> };

  private constructor(dir: string, servers: Servers) {
    this.dir = dir;
    this.backend = servers.backend;
    this.commands = servers.commands;
    this.queries = servers.queries;
    this.#opened = servers.opened;
  }

  static async start(): Promise<ImportRig> {
    const dir = await mkdtemp(join(tmpdir(), 'parley-import-'));
    const backend = await startBackend();
    await backend.start('projector');
    const [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
    await writeFile(join(dir, 'token.mjs'), TOKEN_PROGRAM);
    await writeFile(join(dir, 'users.json'), JSON.stringify({ UANN: 'ann', UBEN: 'ben' }));
    const logger = createLogger({ name: 'test', level: 'silent' });
    const opened = await openEventLog({ natsUrl: backend.natsUrl, replicas: 1, name: 'test', logger });
    return new ImportRig(dir, { backend, commands, queries, opened });
  }

  async stop(): Promise<void> {
    await this.#opened.close();
    await this.backend.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  async head(): Promise<number> {
    return (await this.#opened.log.bounds()).last;
  }

  async read<T>(user: string, path: string): Promise<T> {
    const response = await fetch(`${this.queries.url}/v1/${path}`, {
      headers: {
        authorization: `Bearer ${await this.backend.token(user)}`,
        'parley-min-position': formatPosition(this.#opened.log.epoch, await this.head()),
      },
    });
    const answer = await response.json();
    expect(response.status, JSON.stringify(answer)).toBe(200);
    return answer as T;
  }

  /** The one conversation of that title, or the only direct one. */
  async conversationOf(user: string, title: string | null) {
    const { items } = await this.read<InboxPage>(user, 'me/conversations?filter=all');
    const found = items.filter(({ conversation }) => conversation.title === title);
    expect(found, JSON.stringify(items)).toHaveLength(1);
    return found[0]?.conversation ?? expect.fail();
  }

  async messagesOf(user: string, conversationId: string): Promise<MessageView[]> {
    const all: MessageView[] = [];
    for (;;) {
      const after = all.at(-1)?.ordinal ?? 0;
      const path = `conversations/${conversationId}/messages?after=${after}&limit=200`;
      const { items } = await this.read<{ items: MessageView[] }>(user, path);
      if (items.length === 0) return all;
      all.push(...items);
    }
  }

  async threadOf(user: string, { conversationId, messageId }: MessageView): Promise<MessageView[]> {
    const path = `conversations/${conversationId}/messages/${messageId}/thread`;
    return (await this.read<{ items: MessageView[] }>(user, path)).items;
  }

  async membersOf(user: string, conversationId: string): Promise<Record<string, string>> {
    const { items } = await this.read<MembersPage>(user, `conversations/${conversationId}/members`);
    return Object.fromEntries(items.map(({ userId, role }) => [userId, role]));
  }

  parley(...args: string[]): { child: ChildProcess; done: Promise<Outcome> } {
    return this.parleyAs(
      `${process.execPath} ${join(this.dir, 'token.mjs')} ${this.backend.issuer.url}/token`,
      args,
    );
  }

  parleyAs(token: string, args: readonly string[]): { child: ChildProcess; done: Promise<Outcome> } {
    const flags = ['--api', this.commands.url, '--token-command', token, '--json'];
    const child = spawn(process.execPath, [PARLEY, 'import', ...args, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout?.on('data', (data) => {
      output += data;
    });
    const done = once(child, 'close').then(([code]) => ({
      code: code as number,
      report: output === '' ? null : JSON.parse(output),
    }));
    return { child, done };
  }

  async zipped(name: string, files: Record<string, unknown>): Promise<string> {
    const zip = new ZipFile();
    for (const [path, value] of Object.entries(files))
      zip.addBuffer(Buffer.from(JSON.stringify(value)), path);
    zip.end();
    const file = join(this.dir, name);
    await pipeline(zip.outputStream, createWriteStream(file));
    return file;
  }
}

interface Servers {
  backend: Backend;
  commands: LocalServer;
  queries: LocalServer;
  opened: { log: EventLog; close(): Promise<void> };
}

export const users = [
  { id: 'UANN', name: 'ann', profile: { display_name: 'Ann' } },
  { id: 'UBEN', name: 'ben', profile: { display_name: 'Ben' } },
  { id: 'UCID', name: 'cid', deleted: true, profile: { real_name: 'Cid Gone' } },
  { id: 'UDEPLOY', name: 'deploy', is_bot: true, profile: { real_name: 'Deploy', bot_id: 'BDEPLOY' } },
];
export const message = (ts: string, user: string, text: string, more: object = {}) => {
  return { type: 'message', ts: `${ts}.000100`, user, text, ...more };
};
