import { inside, writing } from './refusals.ts';

/** Messages and the cursors over them. */
export const messageCommandWords = {
  'message.send': {
    summary: 'Send a message',
    description:
      'For members (broadcast: owners). The id of the command is the id of the message, so a client knows it before the answer. With `threadId` it is a reply in that thread. The server makes mentions out of the text: `@id` for ids of letters, digits and `_.:-`, `<@any id>` for all others, `@all` and `@here` for who may call everybody; members only, as their ids are written, at most 50; what stands between backticks is not looked at, and what calls nobody stays text. Sending moves the sender’s own cursors to the message, also when it was scheduled.',
    codes: [...writing, 'blocked', 'slow-mode'],
  },
  'message.edit': {
    summary: 'Replace the text of a message',
    description:
      'For its author, while the edit window of the conversation lasts. The text and its format are replaced (`plain` unless said); mentions are made out anew.',
    codes: [...writing, 'blocked', 'message-deleted', 'edit-window-passed'],
  },
  'message.delete': {
    summary: 'Delete a message',
    description:
      'For its author, and moderators (broadcast: admins). A tombstone stays. Deleted already: a no-op.',
    codes: inside,
  },
  'message.react': {
    summary: 'React to a message',
    description: 'For members and the audience of a broadcast. The same reaction again: a no-op.',
    codes: [...writing, 'blocked', 'message-deleted'],
  },
  'message.unreact': {
    summary: 'Take a reaction back',
    description: 'For who reacted. Taken back already: a no-op.',
    codes: [...writing, 'blocked', 'message-deleted'],
  },
  'message.pin': {
    summary: 'Pin a message for everybody',
    description:
      'For moderators (direct: both, broadcast: admins). At most 100 messages are pinned at a time. Pinned already: a no-op.',
    codes: [...writing, 'blocked', 'message-deleted', 'limit-reached'],
  },
  'message.unpin': {
    summary: 'Unpin a message',
    description: 'For who may pin. Not pinned: a no-op.',
    codes: [...writing, 'blocked'],
  },
  'message.report': {
    summary: 'Report a message to the moderators',
    description: 'For who may read it. Nobody but the moderators learns of it. Reported already: a no-op.',
    codes: [...inside, 'not-allowed-here'],
  },
  'message.schedule': {
    summary: 'Send a message later',
    description:
      'For who may send one. At most 100 wait at a time, at most 366 days. Whether it may be sent is decided again when its time has come.',
    codes: [...writing, 'limit-reached'],
  },
  'message.cancel-schedule': {
    summary: 'Cancel a scheduled message',
    description: 'For its author, until its time has come. One that failed is dismissed.',
    codes: ['not-found'],
  },
  'message.deliver-scheduled': {
    summary: 'Send a scheduled message whose time has come (service)',
    description:
      'For tokens with the scope `parley:service`. The schedule id is the id of the message, so however often it is asked for, it is sent once; not before its time.',
    codes: ['insufficient-scope'],
  },
  'messages.read': {
    summary: 'Move the read cursor',
    description:
      'For members and the audience of a broadcast. It only rises: an ordinal below it is a no-op that tells the cursor that holds. `private` shows it to nobody else.',
    codes: [...inside, 'not-allowed-here'],
  },
  'messages.delivered': {
    summary: 'Say that messages arrived',
    description:
      'For members and the audience of a broadcast. It only rises, as with `messages.read`. Where receipts are off nothing is kept of it.',
    codes: inside,
  },
  'messages.mark-unread': {
    summary: 'Mark a message and all after it unread',
    description: 'For members. The one way back for a read cursor.',
    codes: [...inside, 'not-allowed-here'],
  },
} as const;
