import type { CommandInput, CommandType } from '../commands.ts';

const room = '01900000-0000-7000-8000-0000000000c1';
const sent = '01900000-0000-7000-8000-0000000000a1';

/**
 * Data as a client sends it, for the commands that most clients begin with. They follow one another: the first makes the
 * conversation of the others; the id of the message is the key that it is sent with.
 */
export const commandExamples: { [T in CommandType]?: CommandInput<T> } = {
  'conversation.create': {
    type: 'group',
    conversationId: room,
    title: 'Release',
    members: [{ userId: 'ben' }],
  },
  'conversation.update': { conversationId: room, settings: { slowModeSeconds: 10 } },
  'members.add': { conversationId: room, members: [{ userId: 'cleo', role: 'moderator' }] },
  'members.ban': { conversationId: room, userId: 'dan', until: '2030-01-01T00:00:00Z', reason: 'Spam' },
  'message.send': { conversationId: room, body: 'Ready when you are, <@ben>.', format: 'markdown' },
  'message.edit': { conversationId: room, messageId: sent, body: 'Ready.' },
  'message.delete': { conversationId: room, messageId: sent },
  'message.react': { conversationId: room, messageId: sent, emoji: '👍' },
  'message.schedule': { conversationId: room, at: '2030-01-01T08:00:00Z', message: { body: 'Good morning' } },
  'messages.read': { conversationId: room, ordinal: 1 },
  'messages.mark-unread': { conversationId: room, ordinal: 1 },
  'user.mute': { conversationId: room, until: '2030-01-01T00:00:00Z' },
  'user.set-preferences': { notifications: { reaction: true } },
  'notifications.read': { upTo: 1 },
};
