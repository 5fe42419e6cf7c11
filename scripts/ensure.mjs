// Runs before node_modules exists, so it imports nothing but Node. Installs exactly the lock file, once per change.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.install-stamp');

requireNode(20, 19);
const wanted = fingerprint();
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  install();
  writeFileSync(stamp, wanted);
}

function requireNode(major, minor) {
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  fail(
    `Parley needs Node ${major}.${minor} or newer, and this is Node ${process.versions.node}. ` +
      'Install the current LTS (nodejs.org, nvm install --lts, brew install node) and run the same command again.',
  );
}

/** Native packages depend on the ABI and the platform as well as on the lock. */
function fingerprint() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const { modules } = process.versions;
  return createHash('sha256')
    .update(lock)
    .update(`${modules} ${process.platform} ${process.arch}`)
    .digest('hex');
}

function install() {
  process.stderr.write('Installing dependencies (npm ci)…\n');
  // A production setting of the caller's would leave out the compiler and Postgres.
  const include = ['--include=dev', '--include=optional'];
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...include];
  const { npm_execpath: npm } = process.env;
  // Under npx, yarn or pnpm the variable names another program.
  const direct = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm);
  const options = { cwd: root, stdio: 'inherit' };
  const done = direct
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (done.status !== 0)
    fail('npm ci failed; its message is above. Correct that and run the same command again.');
}

function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}
