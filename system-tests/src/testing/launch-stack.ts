import { startStack } from '@parley/deploy';

/** What `npm start` runs, on a folder of the test's own: `node launch-stack.js <root> <dir> [reset]`. */
const [root = '', dir = '', reset] = process.argv.slice(2);
const stack = await startStack({ root, dir, reset: reset === 'reset', limits: 'off' });
process.once('SIGTERM', () => void stack.stop().then(() => process.exit(0)));
