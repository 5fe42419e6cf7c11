import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  asyncApiOfLog,
  eventsPage,
  openApiOfCommands,
  PLAIN_POLICY,
  REFERENCE_POLICY,
  REFERENCE_SCRIPT,
  referencePage,
} from '@parley/contracts/docs';
import type { FastifyInstance } from '@parley/runtime';

const require = createRequire(import.meta.url);
/** Only its files are used: the plugin would add routes that declare no rule. */
const VIEWER = join(dirname(require.resolve('@fastify/swagger-ui')), 'static');
const HTML = 'text/html; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const config = { access: 'public', limit: 'none' } as const;

/** `/docs`: the reference of all commands and events, made from the contracts when the process starts. */
export function addDocsPage(app: FastifyInstance): void {
  serveText(app, '/docs', HTML, referencePage('Parley commands'), REFERENCE_POLICY);
  serveText(app, '/docs/openapi.json', JSON_TYPE, JSON.stringify(openApiOfCommands()));
  serveText(app, '/docs/asyncapi.json', JSON_TYPE, JSON.stringify(asyncApiOfLog()));
  serveText(app, '/docs/events', HTML, eventsPage(), PLAIN_POLICY);
  serveText(app, '/docs/reference.js', JAVASCRIPT, REFERENCE_SCRIPT);
  serveViewer(app, 'swagger-ui-bundle.js', JAVASCRIPT);
  serveViewer(app, 'swagger-ui.css', 'text/css; charset=utf-8');
}

function serveText(app: FastifyInstance, path: string, type: string, text: string, policy?: string): void {
  app.get(path, { config }, (_request, reply) => {
    if (policy) reply.header('content-security-policy', policy);
    reply.type(type).send(text);
  });
}

function serveViewer(app: FastifyInstance, file: string, type: string): void {
  app.get(`/docs/${file}`, { config }, (_request, reply) => {
    reply.type(type).header('cache-control', 'public, max-age=86400');
    return reply.send(createReadStream(join(VIEWER, file)));
  });
}
