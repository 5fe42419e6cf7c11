import type { CommandAccepted } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { sendCommand } from './backend.ts';
import { commandOf, type Step, USERS, type World } from './random-commands.ts';

/** Where commands go and with which tokens; `service` is the notifier's. */
export interface Player {
  commands: { url: string };
  service: string;
  token(userId: string): Promise<string>;
}

/** Two groups, a channel, a direct and a broadcast to all. */
export async function newWorld({ commands, token: tokenOf }: Player): Promise<World> {
  const members = ['berta', 'carl', 'dora'].map((userId) => ({ userId }));
  const made = [
    { type: 'group', members },
    {
      type: 'group',
      members: [{ userId: 'berta', role: 'admin' }],
      settings: { historyVisibility: 'joined' },
    },
    { type: 'channel', members },
    { type: 'direct', members: [{ userId: 'berta' }] },
    { type: 'broadcast', audience: { kind: 'all' } },
  ];
  const token = await tokenOf('anna');
  const conversations = [];
  for (const data of made) {
    const reply = await sendCommand(commands, token, 'conversation.create', { key: uuidv7(), data });
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
    conversations.push({
      id: (reply.body.result as { conversationId: string }).conversationId,
      messages: [],
    });
  }
  return { conversations };
}

/** Plays the steps; resolves to the position of the last one and how many commands were accepted. */
export async function play(
  { commands, service, token: tokenOf }: Player,
  steps: readonly Step[],
  world: World,
): Promise<{ position: string; accepted: number }> {
  let position = '';
  let accepted = 0;
  for (const step of steps) {
    const command = commandOf(step, world);
    if (!command) continue;
    const user = USERS[step.user] ?? 'anna';
    const token = step.kind === 'expire' ? service : await tokenOf(user);
    const { status, body } = await sendCommand(commands, token, command.type, {
      key: uuidv7(),
      data: command.data,
    });
    if (status !== 200) {
      if (status >= 500) throw new Error(JSON.stringify({ command, body }));
      continue;
    }
    accepted += 1;
    const answer = body as unknown as CommandAccepted;
    position = answer.position;
    if (command.type !== 'message.send') continue;
    const { messageId: id, ordinal } = answer.result as { messageId: string; ordinal: number };
    const home = world.conversations.find((each) => each.id === command.data.conversationId);
    home?.messages.push({ id, ordinal, reply: command.data.threadId !== undefined });
  }
  return { position, accepted };
}
