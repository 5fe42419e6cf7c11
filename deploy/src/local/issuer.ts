import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { invalidRequest, ProblemError, readForm, readJson, sendJson, sendProblem } from './json-http.ts';
import { choosePort } from './ports.ts';
import { parseTokenRequest } from './token-request.ts';
import { createTokenSigner, type TokenSigner } from './token-signer.ts';

const FORM = 'application/x-www-form-urlencoded';
/** Pages of this machine may ask for tokens in local play; any other page must not get one from whoever visits it. */
const LOCAL_PAGE = /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/;

export interface IssuerOptions {
  /** The key pair lives here. */
  dir: string;
  port?: number;
}

export interface Issuer {
  readonly url: string;
  readonly port: number;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly signer: TokenSigner;
  stop(): Promise<void>;
}

/** Gives a token to everybody who asks: loopback only, for the local stack and tests. */
export async function startIssuer(options: IssuerOptions): Promise<Issuer> {
  const signer = await createTokenSigner(options.dir);
  const server = createServer((request, response) => void answer(signer, request, response));
  server.requestTimeout = 10_000;
  const port = options.port ?? (await choosePort(undefined));
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    jwksUrl: `${url}/.well-known/jwks.json`,
    issuer: signer.issuer,
    audience: signer.audience,
    signer,
    stop: () => close(server),
  };
}

async function answer(
  signer: TokenSigner,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await route(signer, request, response);
  } catch (error) {
    if (error instanceof ProblemError) return sendProblem(response, error.problem);
    sendProblem(response, {
      title: 'Internal error',
      status: 500,
      code: 'internal',
      detail: 'See the issuer log.',
    });
    process.stderr.write(`${String(error)}\n`);
  }
}

async function route(signer: TokenSigner, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://issuer').pathname;
  const { origin } = request.headers;
  if (origin !== undefined && LOCAL_PAGE.test(origin)) allow(response, origin);
  switch (`${request.method} ${path}`) {
    case 'GET /.well-known/jwks.json':
      return sendJson(response, 200, signer.jwks());
    case 'OPTIONS /token':
      response.writeHead(204).end();
      return;
    case 'POST /token':
      return sendJson(response, 200, await issue(signer, request));
    case 'GET /health/live':
    case 'GET /health/ready':
      return sendJson(response, 200, { status: 'ok' });
    default:
      throw new ProblemError({
        title: 'Not found',
        status: 404,
        code: 'not-found',
        detail: `There is no ${request.method} ${path}. Ask POST /token or GET /.well-known/jwks.json.`,
      });
  }
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-headers', 'content-type');
  response.setHeader('vary', 'origin');
}

async function issue(signer: TokenSigner, request: IncomingMessage) {
  if (request.headers['content-type']?.startsWith(FORM)) return issueToService(signer, request);
  const parsed = parseTokenRequest(await readJson(request));
  if (parsed.ok) return signer.sign(parsed.value);
  const fields = parsed.errors.map(({ path, message }) => `${path || 'body'} ${message}`);
  throw invalidRequest(fields.join('; '), parsed.errors);
}

/** The standard way for a service (RFC 6749, section 4.4). The name in the Basic header becomes the `sub`; any secret does. */
async function issueToService(signer: TokenSigner, request: IncomingMessage) {
  const form = await readForm(request);
  if (form.get('grant_type') !== 'client_credentials') {
    throw invalidRequest('Only grant_type=client_credentials is known.', [
      { path: 'grant_type', message: 'must be client_credentials' },
    ]);
  }
  const [, basic = ''] = /^basic (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const [name = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  const parsed = parseTokenRequest({ sub: decoded(name), scopes });
  if (!parsed.ok) throw invalidRequest('The client has no usable name.', parsed.errors);
  const { token } = await signer.sign(parsed.value);
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: parsed.value.ttlSeconds,
    scope: scopes.join(' '),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  if (server.listening) await once(server, 'close');
}
