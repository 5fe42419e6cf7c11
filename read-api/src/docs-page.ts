import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openApiOfQueries, REFERENCE_POLICY, REFERENCE_SCRIPT, referencePage } from '@parley/contracts/docs';
import type { FastifyInstance } from '@parley/runtime';

const require = createRequire(import.meta.url);
/** Only its files are used: the plugin would add routes that declare no rule. */
const VIEWER = join(dirname(require.resolve('@fastify/swagger-ui')), 'static');
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const config = { access: 'public', limit: 'none' } as const;

/** `/docs`: the reference of all queries, made from the contracts when the process starts. */
export function addDocsPage(app: FastifyInstance): void {
  const page = referencePage('Parley queries');
  const document = JSON.stringify(openApiOfQueries());
  app.get('/docs', { config }, (_request, reply) => {
    reply.header('content-security-policy', REFERENCE_POLICY).type('text/html; charset=utf-8').send(page);
  });
  app.get('/docs/openapi.json', { config }, (_request, reply) => {
    reply.type('application/json; charset=utf-8').send(document);
  });
  app.get('/docs/reference.js', { config }, (_request, reply) => {
    reply.type(JAVASCRIPT).send(REFERENCE_SCRIPT);
  });
  serveViewer(app, 'swagger-ui-bundle.js', JAVASCRIPT);
  serveViewer(app, 'swagger-ui.css', 'text/css; charset=utf-8');
}

function serveViewer(app: FastifyInstance, file: string, type: string): void {
  app.get(`/docs/${file}`, { config }, (_request, reply) => {
    reply.type(type).header('cache-control', 'public, max-age=86400');
    return reply.send(createReadStream(join(VIEWER, file)));
  });
}
