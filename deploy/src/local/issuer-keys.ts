import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';

export const algorithm = 'ES256';

export interface IssuerKeys {
  kid: string;
  privateKey: CryptoKey;
  /** The public half, as the JWKS shows it. */
  publicJwk: JWK;
}

/** The key pair of this folder, made at the first call: tokens stay valid over restarts. */
export async function issuerKeys(dir: string): Promise<IssuerKeys> {
  const file = join(dir, 'key.json');
  if (!existsSync(file)) await createKey(dir, file);
  const { d, ...publicPart } = JSON.parse(readFileSync(file, 'utf8')) as JWK;
  const kid = await calculateJwkThumbprint(publicPart);
  const privateKey = await importJWK({ ...publicPart, ...(d === undefined ? {} : { d }) }, algorithm);
  if (privateKey instanceof Uint8Array) throw new Error(`${file} does not hold an ${algorithm} key`);
  return { kid, privateKey, publicJwk: { ...publicPart, kid, alg: algorithm, use: 'sig' } };
}

async function createKey(dir: string, file: string): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const text = JSON.stringify(await exportJWK(pair.privateKey));
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another process made it first; that one is used.
    if (!existsSync(file)) throw error;
  }
}
