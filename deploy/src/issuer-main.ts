import { startIssuer } from './local/issuer.ts';

/** The token issuer as a process: `node issuer-main.js <key folder> <port>`. */
const [dir, port] = process.argv.slice(2);
if (!dir || !port) throw new Error('usage: node issuer-main.js <key folder> <port>');
const issuer = await startIssuer({ dir, port: Number(port) });
process.stdout.write(`listening on ${issuer.url}\n`);

const end = () => {
  issuer.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', end);
process.once('SIGINT', end);
// The launcher is gone: nobody would stop this process later.
process.once('disconnect', end);
