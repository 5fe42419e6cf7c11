import { type Check, Findings } from './findings.ts';
import type { IrcLine } from './irc-line.ts';
import type { FoldedConversation } from './naive-fold.ts';
import { fingerprint } from './received.ts';
import { RoomScript, type Step } from './script.ts';

interface Said {
  senderId: string;
  body: number | null;
  replyTo: string | null;
}

/** Whether the log holds what the input says: every allowed message once, as it was edited or deleted in the end. */
export async function verifyInput(
  lines: AsyncIterable<IrcLine>,
  conversations: ReadonlyMap<string, FoldedConversation>,
): Promise<Check> {
  const scripts = new Map<string, RoomScript>();
  const said = new Map<string, Map<string, Said>>();
  for await (const line of lines) {
    const script = scripts.get(line.room) ?? new RoomScript(line.room);
    scripts.set(line.room, script);
    const here = said.get(script.conversationId) ?? new Map<string, Said>();
    said.set(script.conversationId, here);
    for (const { actor, steps } of script.turnsOf(line)) for (const step of steps) note(here, actor, step);
  }
  return compare(said, conversations);
}

function note(said: Map<string, Said>, actor: string, step: Step): void {
  if (step.type === 'message.send' && !step.refused) {
    const { body = '', replyTo = null } = step.data;
    said.set(step.key, { senderId: actor, body: fingerprint(body), replyTo });
  }
  if (step.type !== 'message.edit' && step.type !== 'message.delete') return;
  const message = said.get(step.data.messageId);
  if (message) message.body = step.type === 'message.edit' ? fingerprint(step.data.body ?? '') : null;
}

function compare(
  said: Map<string, Map<string, Said>>,
  conversations: ReadonlyMap<string, FoldedConversation>,
): Check {
  const findings = new Findings('messages in the log against the input');
  for (const [id, expected] of said) {
    const messages = conversations.get(id)?.messages ?? [];
    const found = new Map<string, Said>();
    for (const { messageId, senderId, body, replyTo } of messages) {
      if (!expected.has(messageId)) continue;
      if (found.has(messageId)) findings.differ(`${id}: message ${messageId} is there twice`);
      found.set(messageId, { senderId, body, replyTo });
    }
    for (const [messageId, wanted] of expected) {
      const actual = found.get(messageId);
      findings.equal(`${id}: message ${messageId}`, JSON.stringify(actual), JSON.stringify(wanted));
    }
  }
  return findings.done();
}
