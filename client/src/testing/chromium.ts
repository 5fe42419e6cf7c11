import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { bundle } from './stage-server.ts';

const EXECUTABLE = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** The browser of this machine; CHROMIUM_PATH names another one. */
export async function launchChromium(): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(
      `there is no Chromium at ${EXECUTABLE}: install it, or say with CHROMIUM_PATH where it is`,
    );
  }
  // Its sandbox does not start for root, and only pages of these tests are opened.
  return await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
}

/** A page of the origin with a built module in it; what goes wrong on it is added to `faults`. */
export async function openPage(
  browser: Browser,
  { origin, entry, faults }: { origin: string; entry: URL; faults: string[] },
): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A network that is cut on purpose is reported as an error, too.
    const isNetwork = /net::ERR_|WebSocket|Failed to load resource/.test(message.text());
    if (message.type() === 'error' && !isNetwork) faults.push(message.text());
  });
  await page.goto(origin);
  await page.addScriptTag({ content: await bundle(entry) });
  return page;
}
