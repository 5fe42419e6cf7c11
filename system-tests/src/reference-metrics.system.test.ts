import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Backend, type ServiceName, startBackend } from './testing/backend.ts';
import { table } from './testing/table.ts';

const services: ServiceName[] = ['command-api', 'projector', 'read-api', 'realtime-gateway', 'notifier'];
let backend: Backend;

beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend?.stop());

/** What a running process offers, so that nothing declared anywhere can be missing. */
test('docs/metrics.md has every metric that the services offer, and no other', async () => {
  const used = new Map<string, { type: string; help: string; by: string[] }>();
  for (const service of services) {
    const { url } = await backend.start(service);
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, name = '', help = ''] of text.matchAll(/^# HELP (parley_\w+) (.*)$/gm)) {
      const type = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(text)?.[1] ?? '';
      const known = used.get(name);
      if (known) known.by.push(service);
      else used.set(name, { type, help, by: [service] });
    }
  }
  const rows = [...used.entries()]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { type, help, by }]) => [
      `\`${name}\``,
      type,
      help,
      by.length === services.length ? 'all' : by.join(', '),
    ]);
  const text = `# Metrics

Prometheus text at \`/metrics\` of each service, beside Node's own. Made from running services;
\`npx vitest run system-tests/src/reference-metrics -u\` writes it anew.

${table(['metric', 'type', 'meaning', 'offered by'], rows)}`;
  await expect(text).toMatchFileSnapshot('../../docs/metrics.md');
});
