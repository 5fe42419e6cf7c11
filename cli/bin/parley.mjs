#!/usr/bin/env node
// In a clone nothing may be installed or built yet: this needs Node alone, and does both when they are missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/main.js', import.meta.url);
if (!existsSync(built)) {
  for (const script of ['ensure', 'build']) {
    const file = fileURLToPath(new URL(`../../scripts/${script}.mjs`, import.meta.url));
    // What is said meanwhile must not get into what a command prints.
    const done = spawnSync(process.execPath, [file], { stdio: ['ignore', 2, 2] });
    if (done.status !== 0) process.exit(done.status ?? 1);
  }
}
await import(built.href);
