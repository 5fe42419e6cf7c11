import { conversationSubject, dataschemaOf, encodeCommit, type LogEvent } from '@parley/contracts';
import fc from 'fast-check';

export interface Written {
  subject: string;
  payload: Uint8Array;
  /** Empty for bytes that are no commit. */
  events: LogEvent[];
}

const conversations = Array.from({ length: 12 }, (_, n) => `01890a5d-ac96-774b-bcce-b302099a80${n + 10}`);
const users = Array.from({ length: 40 }, (_, n) => `user-${n}`);
const step = fc.record({
  conversation: fc.constantFrom(...conversations),
  actor: fc.constantFrom(...users),
  waited: fc.integer({ min: 0, max: 600_000 }),
  kind: fc.constantFrom(
    'message',
    'message',
    'message',
    'old message',
    'two messages',
    'reaction',
    'title',
    'corrupt',
  ),
});

/** Some weeks of talk: a commit or more for each step, of today's and of the first schema versions, and broken bytes. */
export function randomLog(commits: number, seed: number): Written[] {
  const [steps = []] = fc.sample(fc.array(step, { minLength: commits, maxLength: commits }), {
    numRuns: 1,
    seed,
  });
  let now = Date.parse('2026-03-01T00:00:00.000Z');
  return steps.map(({ conversation, actor, waited, kind }, index) => {
    now += waited;
    const subject = conversationSubject(conversation);
    if (kind === 'corrupt') return { subject, payload: new TextEncoder().encode('[{"id":1}]'), events: [] };
    const make = (version: number) => eventOf(kind, { conversation, actor, time: now, version, index });
    const events = kind === 'two messages' ? [make(1), make(2)] : [make(1)];
    return { subject, payload: encodeCommit(events), events };
  });
}

interface Place {
  conversation: string;
  actor: string;
  time: number;
  version: number;
  index: number;
}

function eventOf(kind: string, { conversation, actor, time, version, index }: Place): LogEvent {
  const envelope = {
    specversion: '1.0' as const,
    id: `${index}-${version}`,
    source: '/parley' as const,
    subject: `conversation/${conversation}`,
    time: new Date(time).toISOString(),
    version,
    actor,
  };
  const message = { messageId: conversation, ordinal: 1 };
  if (kind === 'reaction') {
    const data = { ...message, emoji: '👍', authorId: 'user-1' };
    return { ...envelope, type: 'reaction.added', dataschema: dataschemaOf('reaction.added'), data };
  }
  if (kind === 'title') {
    const data = { title: 'another' };
    return {
      ...envelope,
      type: 'conversation.updated',
      dataschema: dataschemaOf('conversation.updated'),
      data,
    };
  }
  const old = kind === 'old message';
  const mentions = { users: [], all: false, here: false };
  const today = {
    ...message,
    replies: 0,
    body: 'hello',
    format: 'plain' as const,
    attachments: [],
    mentions,
  };
  // What an old writer stored had none of the later fields: the decoder adds them.
  const data = old ? ({ ...message, body: 'hello', format: 'plain' } as unknown as typeof today) : today;
  const dataschema = old ? 'urn:parley:event:message.sent:1' : dataschemaOf('message.sent');
  return { ...envelope, type: 'message.sent', dataschema, data };
}
