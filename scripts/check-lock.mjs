// `npm ci` on macOS or Windows fails when the lock was written where a platform's build of an optional package was
// missing: npm leaves that entry out without a word. So each optional dependency of each entry must have an entry.
import { readFileSync } from 'node:fs';

const lockFile = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const problems = [];

/** Node's own resolution: node_modules of the package itself, then of each folder above it. */
function isLocked(from, name) {
  for (let base = from; ; base = base.replace(/(^|\/)[^/]+$/, '')) {
    if (`${base ? `${base}/` : ''}node_modules/${name}` in lock.packages) return true;
    if (base === '') return false;
  }
}

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isLocked(path, name)) problems.push(`${path || 'the root'}: optional ${name} has no entry`);
  }
  if (entry.resolved && !entry.link && /^https?:/.test(entry.resolved)) {
    problems.push(`${path}: names a download address (${new URL(entry.resolved).protocol}//…)`);
  }
}
const manifests = ['', ...(lock.packages['']?.workspaces ?? [])];
for (const folder of manifests) {
  const manifest = JSON.parse(readFileSync(folder ? `${folder}/package.json` : 'package.json', 'utf8'));
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  for (const [name, range] of Object.entries(wanted)) {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
      problems.push(`${folder || 'root'}: ${name} is not pinned (${range})`);
  }
}

if (problems.length > 0) {
  console.error(`${lockFile} is not fit for every platform:\n  ${problems.join('\n  ')}`);
  console.error('Pin a version whose builds are complete, then run npm install again.');
  process.exit(1);
}
console.log(`lock file: ${Object.keys(lock.packages).length} entries, complete for every platform`);
