/**
 * The page that shows an OpenAPI document, with everything it loads: its service serves the files, so that it works
 * without any other host. Scripts run from the service only; styles are also written into elements by the viewer.
 */
export const REFERENCE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/** Without scripts: the events page. */
export const PLAIN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

export function referencePage(title: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<main id="reference"></main><noscript>The document itself is <a href="docs/openapi.json">docs/openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/reference.js"></script></html>
`;
}

/**
 * The viewer's own filter knows tags only: this one keeps the operations whose path, summary or description has the
 * text.
 */
export const REFERENCE_SCRIPT = `'use strict';
const has = (operation, text) =>
  [operation.get('path'), operation.getIn(['operation', 'summary']), operation.getIn(['operation', 'description'])]
    .some((words) => String(words || '').toLowerCase().includes(text));
const opsFilter = (tagged, phrase) =>
  tagged
    .map((tag) => tag.update('operations', (all) => all.filter((operation) => has(operation, phrase.toLowerCase()))))
    .filter((tag) => tag.get('operations').size > 0);
SwaggerUIBundle({
  url: 'docs/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
  plugins: [() => ({ fn: { opsFilter } })],
});
`;
