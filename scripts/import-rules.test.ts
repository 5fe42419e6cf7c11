import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

/** The import rules are biome.json's overrides. Here each is shown to bite: a rule that matches no file is no rule. */
const root = resolve(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'parley-rules-'));
cpSync(join(root, 'biome.json'), join(dir, 'biome.json'));
cpSync(join(root, 'scripts/pure.grit'), join(dir, 'scripts/pure.grit'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const importing = (name: string): string => `import { a } from '${name}';\n\nexport const b = a;\n`;

function faultsOf(path: string, source: string): string {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const run = spawnSync(process.execPath, [biome, 'lint', '--vcs-enabled=false', path], {
    cwd: dir,
    encoding: 'utf8',
  });
  rmSync(file);
  return run.status === 0 ? '' : run.stdout + run.stderr;
}

test.each([
  ['contracts/src/x.ts', importing('pg'), 'contracts runs in a browser'],
  ['contracts/src/x.ts', importing('node:fs'), 'noNodejsModules'],
  ['client/src/x.ts', importing('@parley/runtime'), 'the SDK runs in a browser'],
  ['runtime/src/x.ts', importing('@parley/projector'), 'runtime knows contracts only'],
  ['runtime/src/x.ts', importing('@nats-io/jetstream'), 'only runtime/src/jetstream speaks NATS'],
  ['deploy/src/x.ts', importing('@parley/runtime'), 'imports none of them'],
  ['command-api/src/x.ts', importing('@parley/projector'), 'never each other'],
  ['projector/src/x.ts', importing('@nats-io/kv'), 'only runtime speaks NATS'],
  ['read-api/src/queries/x.ts', importing('@parley/command-api'), 'never each other'],
  ['realtime-gateway/src/hub.ts', importing('ws'), 'only websocket.ts touches sockets'],
  ['command-api/src/domain/x.ts', importing('../metrics.ts'), 'pure: imports its own folder'],
  ['command-api/src/domain/x.ts', 'export const b = Date.now();\n', 'time arrives as data'],
  ['projector/src/projections/x.ts', 'export const b = Math.random();\n', 'randomness arrives as data'],
  ['realtime-gateway/src/session/x.ts', 'export const b = setTimeout;\n', 'time arrives as data'],
  ['read-api/src/x.ts', 'export const b = process.env.PORT;\n', 'noProcessEnv'],
  ['read-api/src/x.ts', "export * from './y.ts';\n", 'noReExportAll'],
])('%s may not contain %j', (path, source, message) => {
  expect(faultsOf(path, source)).toContain(message);
});

test.each([
  ['contracts/src/x.ts', importing('zod')],
  ['realtime-gateway/src/websocket.ts', importing('ws')],
  ['command-api/src/domain/x.ts', importing('immutable')],
  ['command-api/src/domain/x.test.ts', importing('fast-check')],
  ['runtime/src/jetstream/x.ts', importing('@nats-io/jetstream')],
])('%s may contain %j', (path, source) => {
  expect(faultsOf(path, source)).toBe('');
});
