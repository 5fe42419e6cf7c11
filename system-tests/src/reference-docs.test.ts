import { commandApiVariables } from '@parley/command-api';
import { errorCatalogue } from '@parley/contracts';
import { projectorVariables } from '@parley/projector';
import { readApiVariables } from '@parley/read-api';
import { gatewayVariables } from '@parley/realtime-gateway';
import { describeVariables } from '@parley/runtime';
import { expect, test } from 'vitest';
import { table } from './testing/table.ts';

const services = {
  'command-api': commandApiVariables,
  projector: projectorVariables,
  'read-api': readApiVariables,
  'realtime-gateway': gatewayVariables,
};

test('docs/configuration.md has every variable as it is declared, and no other', async () => {
  const used = new Map<string, { row: ReturnType<typeof describeVariables>[number]; by: string[] }>();
  for (const [service, variables] of Object.entries(services)) {
    for (const row of describeVariables(variables)) {
      const known = used.get(row.env);
      if (known) known.by.push(service);
      else used.set(row.env, { row, by: [service] });
    }
  }
  const rows = [...used.values()].map(({ row, by }) => [
    `\`${row.env}\`${row.secret ? ' (secret)' : ''}`,
    row.type,
    row.default === null ? '**required**' : row.default === '' ? 'empty' : `\`${row.default}\``,
    row.description,
    by.length === Object.keys(services).length ? 'all' : by.join(', '),
  ]);
  const text = `# Configuration

Made from the declarations in the code; \`npx vitest run system-tests/src/reference-docs -u\` writes it anew. A process checks all of its
variables at start and names every faulty one at once. Secrets are masked in logs.

${table(['variable', 'type', 'default', 'meaning', 'read by'], rows)}`;
  await expect(text).toMatchFileSnapshot('../../docs/configuration.md');
});

test('docs/errors.md has every error code as it is declared, and no other', async () => {
  const rows = Object.entries(errorCatalogue).map(([code, { status, title, help, retryable }]) => [
    String(status),
    `\`${code}\``,
    title,
    retryable ? 'yes' : 'no',
    help,
  ]);
  const text = `# Errors

Made from the catalogue in \`contracts/src/errors.ts\`; \`npx vitest run system-tests/src/reference-docs -u\` writes it anew.

Every refusal is \`application/problem+json\` (RFC 9457): \`{type, title, status, code, detail?, instance, errors?: [{path, message}], retryAfterMs?}\`.
Match on \`code\`. \`instance\` is the request id. Where \`retryAfterMs\` is set, the header \`Retry-After\` says the same in seconds.

${table(
  ['status', 'code', 'meaning', 'retry as it is', 'what to do'],
  rows.sort(([a = ''], [b = '']) => a.localeCompare(b)),
)}`;
  await expect(text).toMatchFileSnapshot('../../docs/errors.md');
});
