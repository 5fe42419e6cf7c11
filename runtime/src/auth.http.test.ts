import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticator, type Principal } from './auth.ts';
import { KeyServer, type TokenOptions } from './key-server.ts';

const keys = new KeyServer();

beforeAll(() => keys.start());
afterAll(() => keys.stop());

function authenticator(isRevoked?: (principal: Principal) => Promise<boolean>) {
  const { jwksUrl, issuer, audience } = keys;
  return createAuthenticator({ jwksUrl, issuer, audience, ...(isRevoked && { isRevoked }) });
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function payload(): object {
  return { sub: 'alice', iss: keys.issuer, aud: keys.audience, exp: Math.floor(Date.now() / 1000) + 3_600 };
}

describe('a valid token', () => {
  test('says who is asking', async () => {
    const claims = {
      did: 'd1',
      sid: 's1',
      roles: ['admin'],
      segments: ['vip'],
      scope: 'parley:service  parley:audit',
    };
    const principal = await authenticator().verify(await keys.sign({ claims }));
    expect(principal).toMatchObject({
      userId: 'alice',
      deviceId: 'd1',
      sessionId: 's1',
      roles: ['admin'],
      segments: ['vip'],
      scopes: ['parley:service', 'parley:audit'],
    });
    expect(principal.expiresAt).toBeGreaterThan(Date.now());
  });

  test('may leave out all but its subject and expiry', async () => {
    const auth = authenticator();
    expect(await auth.verify(await keys.sign())).toMatchObject({
      deviceId: 'default',
      sessionId: 'alice',
      roles: [],
      segments: [],
      scopes: [],
    });
    expect(await auth.verify(await keys.sign({ claims: { jti: 'j1' } }))).toMatchObject({ sessionId: 'j1' });
  });

  test.each(['RS256', 'EdDSA', 'ES256'])('may be signed with %s', async (alg) => {
    await keys.rotate(alg);
    expect(await authenticator().verify(await keys.sign())).toMatchObject({ userId: 'alice' });
  });

  test('is checked once and then remembered, also while the issuer is away', async () => {
    const auth = authenticator();
    const token = await keys.sign();
    const first = await auth.verify(token);
    await keys.stop();
    try {
      expect(await auth.verify(token)).toBe(first);
    } finally {
      await keys.start();
    }
  });

  test('expires 5 seconds late and not later, remembered or not', async () => {
    const auth = authenticator();
    const token = await keys.sign({ expiresIn: -4 });
    expect(await auth.verify(token)).toMatchObject({ userId: 'alice' });
    await expect.poll(() => codeOf(auth.verify(token)), { timeout: 5_000 }).toBe('token-expired');
    expect(await codeOf(authenticator().verify(token))).toBe('token-expired');
  });

  test('is refused as revoked as soon as its session is, although it is remembered', async () => {
    const revoked = new Set<string>();
    const auth = authenticator(async ({ sessionId }) => revoked.has(sessionId));
    const token = await keys.sign({ claims: { sid: 's9' } });
    await auth.verify(token);
    revoked.add('s9');
    expect(await codeOf(auth.verify(token))).toBe('token-revoked');
  });
});

describe('a bad token', () => {
  const refused: [string, TokenOptions][] = [
    ['another issuer', { issuer: 'https://evil.example' }],
    ['another audience', { audience: 'other' }],
    ['an unknown key', { kid: 'nope' }],
    ['no subject', { sub: '' }],
    ['a subject with control characters', { sub: 'a\u0000b' }],
    ['roles that are no list', { claims: { roles: 'admin' } }],
    ['a device that is no text', { claims: { did: { $ne: 1 } } }],
    ['a date before which it does not hold', { claims: { nbf: Math.floor(Date.now() / 1000) + 600 } }],
  ];

  test.each(refused)('with %s is refused', async (_name, options) => {
    expect(await codeOf(authenticator().verify(await keys.sign(options)))).toBe('unauthenticated');
  });

  test('that has expired is told so', async () => {
    expect(await codeOf(authenticator().verify(await keys.sign({ expiresIn: -60 })))).toBe('token-expired');
  });

  test('without an expiry is refused', async () => {
    const [header, , signature] = (await keys.sign()).split('.');
    const { exp: _, ...rest } = { exp: 0, ...payload() };
    expect(await codeOf(authenticator().verify(`${header}.${base64(rest)}.${signature}`))).toBe(
      'unauthenticated',
    );
  });

  test('without a signature is refused', async () => {
    expect(await codeOf(authenticator().verify(`${base64({ alg: 'none' })}.${base64(payload())}.`))).toBe(
      'unauthenticated',
    );
  });

  test('signed with the public key as an HMAC secret is refused', async () => {
    const { kid } = keys.publicJwk();
    const body = `${base64({ alg: 'HS256', kid })}.${base64(payload())}`;
    const signature = createHmac('sha256', JSON.stringify(keys.publicJwk())).update(body).digest('base64url');
    expect(await codeOf(authenticator().verify(`${body}.${signature}`))).toBe('unauthenticated');
  });

  test('with a changed payload is refused', async () => {
    const [header, , signature] = (await keys.sign()).split('.');
    const forged = `${header}.${base64({ ...payload(), sub: 'bob' })}.${signature}`;
    expect(await codeOf(authenticator().verify(forged))).toBe('unauthenticated');
  });

  test.each(['', 'x', 'a.b.c', '..', 'eyJ.eyJ.eyJ', '\u0000', 'é.ü.ß', 'a'.repeat(9_000)])(
    'that is no token at all is refused (%#)',
    async (text) => expect(await codeOf(authenticator().verify(text))).toBe('unauthenticated'),
  );
});

describe('the key set', () => {
  test('is read again when a token names a key it does not know, but not for each of many', async () => {
    const auth = authenticator();
    await auth.verify(await keys.sign());
    const before = keys.reads;
    for (let i = 0; i < 50; i++) await codeOf(auth.verify(await keys.sign({ kid: `invented-${i}` })));
    expect(keys.reads - before).toBeLessThanOrEqual(1);
    await keys.rotate();
    const token = await keys.sign();
    await expect.poll(() => codeOf(auth.verify(token)), { timeout: 10_000 }).toBe('accepted');
  });

  test('that cannot be read is the service being away, not the token being wrong', async () => {
    await keys.stop();
    try {
      const auth = authenticator();
      const token = await keys.sign();
      await expect(auth.verify(token)).rejects.toMatchObject({
        code: 'unavailable',
        extras: { retryAfterMs: expect.any(Number) },
      });
      await expect(auth.ready()).rejects.toThrow();
      await keys.start();
      await auth.ready();
      expect(await codeOf(auth.verify(token))).toBe('accepted');
    } finally {
      await keys.stop();
      await keys.start();
    }
  });
});

async function codeOf(verdict: Promise<unknown>): Promise<string> {
  return verdict.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );
}
