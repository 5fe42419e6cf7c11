import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issuer, startIssuer } from './issuer.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

describe('the token issuer', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let issuer: Issuer;

  beforeAll(async () => {
    folder = await temporaryFolder();
    issuer = await startIssuer({ dir: folder.path });
  });
  afterAll(async () => {
    await issuer.stop();
    await folder.remove();
  });

  const post = (body: string) => fetch(`${issuer.url}/token`, { method: 'POST', body });
  const verify = (token: string) =>
    jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUrl)), {
      issuer: issuer.issuer,
      audience: issuer.audience,
    });

  it('gives a token that its JWKS verifies, with the claims asked for', async () => {
    const answer = await post(
      '{"sub":"alice","roles":["admin"],"segments":["eu"],"device":"d1","ttlSeconds":60}',
    );
    expect(answer.status).toBe(200);
    const { token, expiresAt } = (await answer.json()) as { token: string; expiresAt: string };
    const { payload, protectedHeader } = await verify(token);
    expect(payload).toMatchObject({ sub: 'alice', did: 'd1', roles: ['admin'], segments: ['eu'] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(new Date(expiresAt).getTime()).toBe((payload.exp ?? 0) * 1_000);
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.any(String) });
  });

  it('gives a service its token by the client credentials grant', async () => {
    const answer = await fetch(`${issuer.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('parley-notifier:secret')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'parley:service parley:audit' }),
    });
    expect(answer.status).toBe(200);
    const given = (await answer.json()) as { access_token: string; token_type: string; expires_in: number };
    expect(given).toMatchObject({ token_type: 'Bearer', expires_in: 3_600 });
    const { payload } = await verify(given.access_token);
    expect(payload).toMatchObject({ sub: 'parley-notifier', scope: 'parley:service parley:audit' });
  });

  it.each([
    ['another grant', { grant_type: 'password' }, 'basic YTpi', 'grant_type'],
    ['no name', { grant_type: 'client_credentials' }, 'basic Og==', 'sub'],
    ['a name that is no URL encoding', { grant_type: 'client_credentials' }, `basic ${btoa('%zz:b')}`, 'sub'],
  ])('refuses a service with %s', async (_name, form, authorization, path) => {
    const answer = await fetch(`${issuer.url}/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(form),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ path }] });
  });

  it('gives every request a session of its own', async () => {
    const tokens = await Promise.all([1, 2].map(async () => (await post('{"sub":"alice"}')).json()));
    const sessions = await Promise.all(
      tokens.map(async (each) => (await verify((each as { token: string }).token)).payload.sid),
    );
    expect(new Set(sessions).size).toBe(2);
  });

  it.each([
    ['no JSON', '{', ''],
    ['an array', '[]', ''],
    ['no user', '{}', 'sub'],
    ['an empty user', '{"sub":""}', 'sub'],
    ['a control character', '{"sub":"a\\u0000b"}', 'sub'],
    ['half a surrogate pair', '{"sub":"\\ud800"}', 'sub'],
    ['129 bytes in 65 characters', `{"sub":"${'é'.repeat(64)}x"}`, 'sub'],
    ['roles that are no array', '{"sub":"a","roles":"admin"}', 'roles'],
    ['a segment that is no string', '{"sub":"a","segments":["eu",7]}', 'segments.1'],
    ['a life of zero', '{"sub":"a","ttlSeconds":0}', 'ttlSeconds'],
    ['an unknown field', '{"sub":"a","admin":true}', 'admin'],
  ])('refuses %s and names the field', async (_name, body, path) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await answer.json()) as { errors: { path: string }[] };
    expect(problem).toMatchObject({ type: 'about:blank', status: 400, code: 'invalid-request' });
    expect(problem.errors.map((error) => error.path)).toContain(path);
  });

  it('takes a user of exactly 128 bytes', async () => {
    expect((await post(`{"sub":"${'é'.repeat(64)}"}`)).status).toBe(200);
  });

  it('refuses a body over 16 KB', async () => {
    const answer = await post(`{"sub":"${'a'.repeat(17_000)}"}`);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: 'payload-too-large' });
  });

  it('answers an unknown path with a problem', async () => {
    const answer = await fetch(`${issuer.url}/tokens`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'not-found' });
  });

  it('is live and ready', async () => {
    expect((await fetch(`${issuer.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${issuer.url}/health/ready`)).status).toBe(200);
  });

  it('keeps its key over a restart, so that tokens stay valid', async () => {
    const { token } = await issuer.signer.sign({ sub: 'alice' });
    await issuer.stop();
    issuer = await startIssuer({ dir: folder.path });
    expect((await verify(token)).payload.sub).toBe('alice');
  });

  describe('for a page', () => {
    const ask = (method: string, origin: string): Promise<Response> =>
      fetch(`${issuer.url}/token`, {
        method,
        headers: { origin, 'content-type': 'application/json' },
        ...(method === 'POST' && { body: JSON.stringify({ sub: 'alice' }) }),
      });

    it.each(['http://localhost:5173', 'http://127.0.0.1:3000'])(
      'of this machine (%s) gets a token',
      async (origin: string) => {
        for (const method of ['OPTIONS', 'POST']) {
          const answer = await ask(method, origin);
          expect([answer.ok, answer.headers.get('access-control-allow-origin')]).toEqual([true, origin]);
        }
      },
    );

    it.each(['https://localhost.example', 'http://localhost.example:5173', 'null'])(
      'of elsewhere (%s) gets none',
      async (origin: string) => {
        for (const method of ['OPTIONS', 'POST']) {
          expect((await ask(method, origin)).headers.get('access-control-allow-origin')).toBe(null);
        }
      },
    );
  });
});
