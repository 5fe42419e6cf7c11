import type { StackAddresses } from './stack-file.ts';
import { uuidV7 } from './uuid-v7.ts';

export interface Welcome {
  addresses: StackAddresses;
  alice: string;
  bob: string;
}

export interface Style {
  strong(text: string): string;
  quiet(text: string): string;
}

export function styleFor(stream: NodeJS.WriteStream): Style {
  const plain = (text: string) => text;
  if (!stream.isTTY || process.env.NO_COLOR) return { strong: plain, quiet: plain };
  return { strong: (text) => `\x1b[1m${text}\x1b[22m`, quiet: (text) => `\x1b[2m${text}\x1b[22m` };
}

const labels: [keyof StackAddresses, string][] = [
  ['commandApi', 'commands'],
  ['readApi', 'queries'],
  ['gateway', 'socket'],
  ['issuer', 'tokens'],
  ['docs', 'API docs'],
  ['queryDocs', ''],
  ['nats', 'NATS'],
  ['postgres', 'Postgres'],
  ['redis', 'Redis'],
];

export function addressTable(addresses: StackAddresses, style: Style): string {
  const rows = labels.map(
    ([key, label]) => `  ${label.padEnd(10)}${style.strong(withoutPassword(addresses[key]))}`,
  );
  return [
    ...rows,
    '',
    style.quiet('  Passwords and process ids: .parley/stack.json, logs: .parley/logs'),
  ].join('\n');
}

/** One block for a POSIX shell that works when pasted whole; the message's own position makes the read see it. */
export function firstSteps({ addresses, alice, bob }: Welcome): string {
  const json = "-H 'Content-Type: application/json'";
  const as = (name: string) => `-H "Authorization: Bearer $${name}"`;
  return [
    `ALICE='${alice}'`,
    `BOB='${bob}'`,
    `ROOM='${uuidV7()}'`,
    `curl -sS ${addresses.commandApi}/v1/commands/conversation.create ${as('ALICE')} -H "Idempotency-Key: $ROOM" \\`,
    `  ${json} -d '{"type":"group","title":"First steps","members":[{"userId":"bob"}]}'; echo`,
    `SENT=$(curl -sS ${addresses.commandApi}/v1/commands/message.send ${as('ALICE')} -H 'Idempotency-Key: ${uuidV7()}' \\`,
    `  ${json} -d '{"conversationId":"'"$ROOM"'","body":"Hello, Bob"}'); echo "$SENT"`,
    `curl -sS ${addresses.readApi}/v1/me/conversations ${as('BOB')} \\`,
    `  -H "Parley-Min-Position: $(echo "$SENT" | sed 's/.*"position":"\\([^"]*\\)".*/\\1/')"; echo`,
  ].join('\n');
}

function withoutPassword(address: string): string {
  return address.replace(/^(\w+:\/\/[^:/@]*):[^@]*@/, (_whole, before: string) =>
    before.endsWith('/') ? before : `${before}@`,
  );
}
