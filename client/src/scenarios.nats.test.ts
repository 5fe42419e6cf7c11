import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { SocketConstructor } from './connection.ts';
import { launchChromium, openPage } from './testing/chromium.ts';
import { scenarios } from './testing/scenarios.ts';
import { Stage } from './testing/stage.ts';
import { StageServer } from './testing/stage-server.ts';

vi.setConfig({ testTimeout: 120_000 });

const cases = scenarios.map((scenario) => [scenario.name, scenario] as const);
const inNode = WebSocket as unknown as SocketConstructor;

let server: StageServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([StageServer.start(), launchChromium()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

describe('in Node', () => {
  test.each(cases)('%s', async (_, { run }) => {
    await expect(run(new Stage(server.addresses, inNode))).resolves.toBe(undefined);
  });
});

describe('in Chromium, from the same build', () => {
  const faults: string[] = [];
  let page: Page;

  beforeAll(async () => {
    const entry = new URL('../dist/testing/browser-suite.js', import.meta.url);
    page = await openPage(browser, { origin: server.addresses.origin, entry, faults });
  });

  test.each(cases)('%s', async (name) => {
    const call = `runScenario(${JSON.stringify(name)}, ${JSON.stringify(server.addresses)})`;
    await expect(page.evaluate(call)).resolves.toBe(undefined);
    expect(faults).toEqual([]);
  });
});

describe('hooks in Chromium', () => {
  const faults: string[] = [];
  const entry = new URL('../react/dist/testing/chat-page.js', import.meta.url);

  /** Ann's page in a room with Bob, who is not in a browser. */
  async function chat() {
    const stage = new Stage(server.addresses, inNode);
    const [ann, bob] = [stage.user('ann'), stage.user('bob')];
    const client = stage.clientOf('bob');
    const members = [{ userId: ann }];
    const { result } = await client.createConversation({ type: 'group', title: 'Tea', members });
    const room = result.conversationId;
    await client.send(room, 'welcome');
    // Until the read model has it, there is a conversation without messages to be seen.
    await client.messages(room);
    const page = await openPage(browser, { origin: server.addresses.origin, entry, faults });
    const text = (selector: string) =>
      expect.poll(() => page.locator(selector).allTextContents(), { timeout: 60_000 });
    const show = () =>
      page.evaluate(`showChat(${[server.addresses, ann, room, bob].map((each) => JSON.stringify(each))})`);
    return { stage, client, room, page, text, show };
  }

  test('what is not known is shown as loading, never as empty; then it is there and follows', async () => {
    const { client, room, page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    const drawn = (await page.evaluate('drawn')) as [string, number | null][];
    expect(drawn[0]).toEqual(['loading', null]);
    expect(drawn.filter(([, rows]) => rows === 0)).toEqual([]);
    await text('#title').toEqual(['Tea']);
    await text('#first').toEqual([`${room} 1`]);
    await text('#connection').toEqual(['fresh']);
    await client.send(room, 'how are you?');
    await text('li').toEqual(['welcome', 'how are you?']);
    await text('#unread').toEqual(['2']);
    expect(faults).toEqual([]);
  });

  test('a message is drawn when it is sent, and its element stays when it has arrived', async () => {
    const { stage, client, room, page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    await stage.refuse('command', true);
    await page.fill('input', 'fine');
    await page.click('text=send');
    await text('li[data-kind=pending]').toEqual(['fine']);
    await text('#outbox').toEqual(['1']);
    await page.evaluate("document.querySelector('li[data-kind=pending]').dataset.same = 'yes'");
    await stage.refuse('command', false);
    await text('li[data-kind=sent][data-same=yes]').toEqual(['fine']);
    await text('#outbox').toEqual(['0']);
    await expect
      .poll(async () => (await client.messages(room)).items.map(({ body }) => body), { timeout: 60_000 })
      .toEqual(['welcome', 'fine']);
    expect(faults).toEqual([]);
  });

  test('a refused message can be given up', async () => {
    const { page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    await page.fill('input', ' ');
    await page.click('text=send');
    await text('li[data-kind=failed] button').toEqual(['retry', 'discard']);
    await page.click('text=discard');
    await text('li').toEqual(['welcome']);
    expect(faults).toEqual([]);
  });

  test('whoever comes back finds the messages at once, with those that came in the meantime', async () => {
    const { client, room, page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    await page.click('text=close');
    await text('li').toEqual([]);
    await client.send(room, 'are you there?');
    await text('#unread').toEqual(['2']);
    await page.evaluate('drawn.length = 0');
    await page.click('text=open');
    await text('li').toEqual(['welcome', 'are you there?']);
    const drawn = (await page.evaluate('drawn')) as [string, number | null][];
    expect(drawn[0]).toEqual(['fresh', 2]);
    expect(faults).toEqual([]);
  });

  test('what is mounted when everything is closed is drawn as loading, until it is mounted anew', async () => {
    const { page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    await text('#connection').toEqual(['fresh']);
    await page.click('text=log out');
    await text('#messages').toEqual(['loading']);
    await text('li').toEqual([]);
    await text('#title').toEqual(['loading']);
    await text('#connection').toEqual(['loading']);
    await page.click('text=close');
    await page.click('text=open');
    await text('li').toEqual(['welcome']);
    await text('#messages').toEqual(['fresh']);
    await text('#title').toEqual(['loading']);
    expect(faults).toEqual([]);
  });

  test('another user is another client: nothing of the first one is left', async () => {
    const { stage, client, page, text, show } = await chat();
    await show();
    await text('li').toEqual(['welcome']);
    const { result } = await client.createConversation({ type: 'group', title: 'Other', members: [] });
    const args = [server.addresses, stage.user('bob'), result.conversationId, stage.user('ann')];
    await page.evaluate(`showChat(${args.map((each) => JSON.stringify(each))})`);
    await text('#title').toEqual(['Other']);
    await text('li').toEqual([]);
    await text('#messages').toEqual(['fresh']);
    expect(faults).toEqual([]);
  });
});
