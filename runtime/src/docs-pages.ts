import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';

const require = createRequire(import.meta.url);
/** Only its files are used: the plugin would add routes that declare no rule. */
const VIEWER = join(dirname(require.resolve('@fastify/swagger-ui')), 'static');
const VIEWER_FILES = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
};
const config = { access: 'public', limit: 'none' } as const;

/** Serves texts as they are, and beside them what the viewer of OpenAPI documents loads. Nothing comes from elsewhere. */
export function addDocsPages(
  app: FastifyInstance,
  pages: readonly { path: string; type: string; text: string; policy?: string }[],
): void {
  for (const { path, type, text, policy } of pages) {
    app.get(path, { config }, (_request, reply) => {
      if (policy) reply.header('content-security-policy', policy);
      reply.type(type).send(text);
    });
  }
  for (const [file, type] of Object.entries(VIEWER_FILES)) {
    app.get(`/docs/${file}`, { config }, (_request, reply) => {
      reply.type(type).header('cache-control', 'public, max-age=86400');
      return reply.send(createReadStream(join(VIEWER, file)));
    });
  }
}
