import { commandSchemas, errorCatalogue, HEADERS } from '@parley/contracts';
import type { FastifyInstance } from '@parley/runtime';
import { z } from 'zod';

/** Only this page has a style of its own; scripts stay forbidden. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** `/docs`: every command with its schemas and every error code, made from the contracts when the process starts. */
export function addDocsPage(app: FastifyInstance): void {
  const page = docsPage();
  app.get('/docs', { config: { access: 'public', limit: 'none' } }, (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(page);
  });
}

function docsPage(): string {
  const commands = Object.entries(commandSchemas).map(
    ([
      type,
      { data, result },
    ]) => `<details id="${type}"><summary><code>POST /v1/commands/${type}</code></summary>
      <h4>data</h4>${schema(data, 'input')}<h4>result</h4>${schema(result, 'output')}</details>`,
  );
  const errors = Object.entries(errorCatalogue).map(
    ([code, { status, title, help }]) =>
      `<tr><td>${status}</td><td><code>${code}</code></td><td>${text(title)}</td><td>${text(help)}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Parley commands</title>
<meta name="viewport" content="width=device-width"><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
pre{background:#f4f4f6;padding:.8rem;overflow:auto;font-size:13px}summary{cursor:pointer;padding:.3rem 0}
table{border-collapse:collapse}td{border-top:1px solid #ddd;padding:.3rem .8rem .3rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#16171a;color:#ddd}pre{background:#222429}td{border-color:#333}}
</style><h1>Parley commands</h1>
<p>Send the token as <code>Authorization: Bearer …</code> and a fresh UUIDv7 as <code>${HEADERS.idempotencyKey}</code>; repeat the
same key to retry. Up to 100 commands go at once as an array of <code>{key, type, data}</code> to <code>POST /v1/commands</code>.
The answer is <code>{commandId, position, version, result, replayed}</code>; a query with that position as
<code>${HEADERS.minPosition}</code> sees what the command did.</p>
${commands.join('\n')}
<h2>Errors</h2><table>${errors.join('\n')}</table></html>`;
}

function schema(of: z.ZodType, io: 'input' | 'output'): string {
  const { $schema: _, ...json } = z.toJSONSchema(of, { io, unrepresentable: 'any' });
  return `<pre>${text(JSON.stringify(json, null, 2))}</pre>`;
}

function text(plain: string): string {
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
