import type { CommandAccepted, CommandInput, CommandType } from '@parley/contracts';
import { HEADERS } from '@parley/contracts';
import type { Issuer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';

export interface Person {
  userId: string;
  token: string;
}

export function signPeople({ signer }: Issuer, count: number): Promise<Person[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const userId = `user-${index}`;
      return { userId, token: (await signer.sign({ sub: userId })).token };
    }),
  );
}

/** A group of all these people; the first of them owns it. */
export async function createConversation(url: string, people: readonly Person[]): Promise<string> {
  const [owner, ...members] = people;
  const { result } = await send(url, owner, 'conversation.create', {
    type: 'group',
    title: 'bench',
    members: members.map(({ userId }) => ({ userId })),
  });
  return result.conversationId;
}

/** One command over HTTP; anything but acceptance is an error. */
export async function send<T extends CommandType>(
  url: string,
  person: Person | undefined,
  type: T,
  data: CommandInput<T>,
): Promise<CommandAccepted<T>> {
  const answer = await fetch(`${url}/v1/commands/${type}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${person?.token}`,
      'content-type': 'application/json',
      [HEADERS.idempotencyKey]: uuidv7(),
    },
    body: JSON.stringify(data),
  });
  if (answer.status !== 200) throw new Error(`${type}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as CommandAccepted<T>;
}
