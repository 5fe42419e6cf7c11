// Builds every package through turbo: cached, quiet when it works, everything it said when it does not.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo');
process.stderr.write('Building…\n');
const run = spawnSync(process.execPath, [turbo, 'run', 'build', '--output-logs=errors-only'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
});
if (run.status !== 0) {
  process.stderr.write(
    `${run.stdout}${run.stderr}${run.error ?? ''}\nThe build failed; the messages are above.\n`,
  );
  process.exit(1);
}
