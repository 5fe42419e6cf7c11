import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandApiVariables, startCommandApi } from '@parley/command-api';
import { openApiOfCommands, openApiOfQueries } from '@parley/contracts/docs';
import { startIssuer, startNats, startPostgres, startRedis } from '@parley/deploy/testing';
import { readApiVariables, startReadApi } from '@parley/read-api';
import { createLogger, type FastifyInstance, loadConfig } from '@parley/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const logger = createLogger({ name: 'test', level: 'silent' });
const services: { stop(): Promise<void> }[] = [];
const servers: { stop(): Promise<void> }[] = [];
const commands = { routes: [] as string[], url: '' };
const queries = { routes: [] as string[], url: '' };
let dir = '';

/** The routes of the server that `start` makes, as `GET /path`: they are told before the first one is added. */
async function routesOf(
  start: () => Promise<{ port: number; stop(): Promise<void> }>,
  into: typeof commands,
) {
  const listen = (message: unknown): void => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
      into.routes.push(...[method].flat().map((each) => `${each} ${url}`));
    });
  };
  subscribe('fastify.initialization', listen);
  const service = await start();
  unsubscribe('fastify.initialization', listen);
  services.push(service);
  into.url = `http://127.0.0.1:${service.port}`;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'parley-routes-'));
  const [nats, issuer, redis, postgres] = await Promise.all([
    startNats({ dir: join(dir, 'nats') }),
    startIssuer({ dir: join(dir, 'issuer') }),
    startRedis({ dir: join(dir, 'redis') }),
    startPostgres({ dir: join(dir, 'postgres'), fast: true }),
  ]);
  servers.push(nats, issuer, redis, postgres);
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    PORT: '0',
    PARLEY_MODE: 'local',
  };
  await routesOf(() => startCommandApi(loadConfig(commandApiVariables, env), logger), commands);
  await routesOf(() => startReadApi(loadConfig(readApiVariables, env), logger), queries);
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
  await Promise.all(servers.map((server) => server.stop()));
  await rm(dir, { recursive: true, force: true });
});

/** Of an OpenAPI document, in the words of the router. */
function documented(document: { [key: string]: unknown }): string[] {
  return Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
}

/** The pages that show the documents are not in them; preflights are answered for every path. */
const isTold = (route: string): boolean => !route.startsWith('GET /docs') && !route.startsWith('OPTIONS ');

describe('the command API', () => {
  test('has the routes that its document names, and no other', () => {
    const types = documented(openApiOfCommands()).map((route) =>
      route.replace(/^POST \/v1\/commands\/[a-z.-]+$/, 'POST /v1/commands/:type'),
    );
    expect([...new Set(commands.routes.filter(isTold))].sort()).toEqual([...new Set(types)].sort());
  });

  test.each([
    ['/docs', 'text/html', 'docs/reference.js'],
    ['/docs/openapi.json', 'application/json', '/v1/commands/message.send'],
    ['/docs/asyncapi.json', 'application/json', 'evt.{partition}.conv.{conversationId}'],
    ['/docs/events', 'text/html', 'message.sent'],
    ['/docs/reference.js', 'text/javascript', 'SwaggerUIBundle'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript', 'SwaggerUIBundle'],
    ['/docs/swagger-ui.css', 'text/css', '.swagger-ui'],
  ])('shows %s to anybody', (path, type, text) => expectPage(commands.url + path, type, text));
});

describe('the read API', () => {
  test('has the routes that its document names, and no other', () => {
    const routes = [...new Set(queries.routes.filter(isTold))];
    expect(routes.sort()).toEqual(documented(openApiOfQueries()).sort());
  });

  test.each([
    ['/docs', 'text/html', 'docs/reference.js'],
    ['/docs/openapi.json', 'application/json', '/v1/me/conversations'],
    ['/docs/reference.js', 'text/javascript', 'SwaggerUIBundle'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript', 'SwaggerUIBundle'],
    ['/docs/swagger-ui.css', 'text/css', '.swagger-ui'],
  ])('shows %s to anybody', (path, type, text) => expectPage(queries.url + path, type, text));
});

async function expectPage(url: string, type: string, text: string): Promise<void> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain(type);
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  expect(await response.text()).toContain(text);
}
