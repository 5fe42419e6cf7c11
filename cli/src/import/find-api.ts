import type { TokenSource } from '../demo/command-sender.ts';
import type { Http } from '../demo/http.ts';
import { Tokens } from '../demo/tokens.ts';
import { localStack } from '../places.ts';
import { Unavailable, UsageError } from '../run-command.ts';
import { TokenCommand } from './token-command.ts';

export interface ApiFlags {
  api?: string;
  tokenCommand?: string;
}

export interface Api {
  commandApi: string;
  tokens: TokenSource;
}

/** The command API and who gives tokens for it: as told, else those of the stack that runs here. */
export async function findApi(
  { api, tokenCommand }: ApiFlags,
  http: Http,
  signal: AbortSignal,
): Promise<Api> {
  const stack = await localStack();
  const commandApi = api === undefined ? stack?.commandApi : checked(api);
  if (!commandApi) {
    throw new Unavailable('No Parley was found. Start one here with `npm start`, or say where it is: --api.');
  }
  if (tokenCommand !== undefined) return { commandApi, tokens: new TokenCommand(tokenCommand, signal) };
  if (!stack || commandApi !== stack.commandApi) {
    throw new UsageError(
      '--api needs --token-command: a program that gets a user id as its last argument and prints a token of theirs.',
    );
  }
  return { commandApi, tokens: new Tokens(stack.issuer, http, signal) };
}

function checked(api: string): string {
  if (!/^https?:\/\//.test(api) || !URL.canParse(api)) {
    throw new UsageError(
      `--api must be the address of a command API, like https://parley.example.com: ${api}`,
    );
  }
  return api.replace(/\/+$/, '');
}
