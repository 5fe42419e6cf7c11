import { SESSIONS_SCOPE } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpRig } from './testing/http-rig.ts';

let rig: HttpRig;
let url: string;
let other: string;
beforeAll(async () => {
  rig = await HttpRig.start();
  url = await rig.serve();
  other = await rig.serve();
});
afterAll(() => rig.stop());

async function revoke(token: string, body: unknown): Promise<{ status: number; body: { code?: string } }> {
  const answer = await post(`${url}/v1/sessions/revoke`, token, body);
  return { status: answer.status, body: (await answer.json()) as { code?: string } };
}

function post(to: string, token: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return fetch(to, {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': uuidv7() },
    body: JSON.stringify(body),
  });
}

async function isRefused(at: string, token: string): Promise<boolean> {
  const answer = await post(`${at}/v1/commands/user.set-preferences`, token, { unarchiveOnMessage: true });
  return answer.status === 401 && ((await answer.json()) as { code: string }).code === 'token-revoked';
}

describe('a session', () => {
  test('that its own token revokes is refused by every process, and no other session of the user', async () => {
    const { token } = await rig.issuer.signer.sign({ sub: 'alice', session: 'phone' });
    const { token: desktop } = await rig.issuer.signer.sign({ sub: 'alice', session: 'desktop' });
    expect(await isRefused(url, token)).toBe(false);
    expect(await revoke(token, {})).toEqual({ status: 200, body: { sessionId: 'phone' } });
    expect(await isRefused(url, token)).toBe(true);
    await expect.poll(() => isRefused(other, token)).toBe(true);
    expect(await isRefused(other, desktop)).toBe(false);
  });

  test('of others is revoked only by a token with the scope', async () => {
    const { token } = await rig.issuer.signer.sign({ sub: 'bob', session: 'bob-1' });
    const { token: mallory } = await rig.issuer.signer.sign({ sub: 'mallory', session: 'mallory-1' });
    const refused = await revoke(mallory, { sessionId: 'bob-1' });
    expect([refused.status, refused.body.code]).toEqual([403, 'insufficient-scope']);
    expect(await isRefused(url, token)).toBe(false);
    const { token: backend } = await rig.issuer.signer.sign({ sub: 'backend', scopes: [SESSIONS_SCOPE] });
    expect((await revoke(backend, { sessionId: 'bob-1' })).status).toBe(200);
    await expect.poll(() => isRefused(url, token)).toBe(true);
  });

  test('that the token does not name cannot be revoked by it: that would be every session of the user', async () => {
    const { token } = await rig.issuer.signer.sign({ sub: 'dave', session: 'dave' });
    expect((await revoke(token, {})).status).toBe(400);
    const named = await revoke(token, { sessionId: 'dave' });
    expect([named.status, named.body.code]).toEqual([403, 'insufficient-scope']);
    expect(await isRefused(url, token)).toBe(false);
    const scoped = { sub: 'backend', session: 'backend', scopes: [SESSIONS_SCOPE] };
    const { token: backend } = await rig.issuer.signer.sign(scoped);
    expect((await revoke(backend, {})).status).toBe(400);
    expect((await revoke(backend, { sessionId: 'dave' })).status).toBe(200);
    await expect.poll(() => isRefused(url, token)).toBe(true);
  });

  test.each([{ sessionId: '' }, { sessionId: 'a\u0000b' }, { sessionId: 'x'.repeat(129) }, { session: 'x' }])(
    'named as %j is a bad request',
    async (body) => {
      const { token } = await rig.issuer.signer.sign({ sub: 'carol', session: 'carol-1' });
      const answer = await revoke(token, body);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid-request']);
    },
  );
});
