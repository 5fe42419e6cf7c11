import type { ErrorCode } from '../errors.ts';
import type { QueryName } from '../queries.ts';

interface QueryWords {
  tag: 'me' | 'conversations' | 'messages' | 'moderation' | 'discovery' | 'users';
  /** Beyond the summary in the contract: who may, and what is left out. */
  description: string;
  /** Beyond those that every query may get. */
  codes: readonly ErrorCode[];
}

const inside: ErrorCode[] = ['not-found', 'banned'];
const moderating: ErrorCode[] = [...inside, 'forbidden'];
const own = 'Of the user of the token.';
const readers = 'For members, for anybody in a channel, and for the audience of a broadcast.';

export const queryWords: Record<QueryName, QueryWords> = {
  me: { tag: 'me', description: own, codes: [] },
  inbox: { tag: 'me', description: `${own} One page is read at one moment.`, codes: [] },
  unread: {
    tag: 'me',
    description: `${own} Muted and archived conversations count in mentions only.`,
    codes: [],
  },
  notifications: {
    tag: 'me',
    description: `${own} They are worked out from the facts when asked for: the same fact has the same id.`,
    codes: [],
  },
  threads: {
    tag: 'me',
    description: `${own} A user follows a thread by starting it, writing in it or being mentioned.`,
    codes: [],
  },
  invites: { tag: 'me', description: `${own} Those that ended are left out.`, codes: [] },
  scheduled: { tag: 'me', description: own, codes: [] },
  channels: {
    tag: 'discovery',
    description: 'For anybody. Channels that the reader is banned from are left out.',
    codes: [],
  },
  conversation: {
    tag: 'conversations',
    description: `${readers} With \`asOf\` as it was then.`,
    codes: inside,
  },
  members: { tag: 'conversations', description: `${readers} With \`asOf\` as it was then.`, codes: inside },
  messages: {
    tag: 'messages',
    description: `${readers} Thread replies are in it too, told by \`threadId\`. With \`asOf\` as it was then, but texts that were deleted since stay gone.`,
    codes: inside,
  },
  message: { tag: 'messages', description: readers, codes: inside },
  thread: { tag: 'messages', description: readers, codes: inside },
  history: { tag: 'messages', description: readers, codes: inside },
  reactions: { tag: 'messages', description: readers, codes: inside },
  receipts: {
    tag: 'messages',
    description: 'For members, where receipts are on and the conversation is small enough.',
    codes: [...moderating, 'not-allowed-here'],
  },
  pins: { tag: 'messages', description: readers, codes: inside },
  bans: { tag: 'moderation', description: 'For moderators and higher.', codes: moderating },
  conversationInvites: { tag: 'moderation', description: 'For moderators and higher.', codes: moderating },
  reports: { tag: 'moderation', description: 'For moderators and higher.', codes: moderating },
  allReports: {
    tag: 'moderation',
    description: 'For the host application’s own moderators: direct conversations have none.',
    codes: ['insufficient-scope'],
  },
  events: {
    tag: 'messages',
    description: `${readers} What concerns only another user comes without its data, so that versions have no holes.`,
    codes: inside,
  },
  search: {
    tag: 'discovery',
    description:
      'Words, "phrases", `or` and `-not`. Only what the reader may see and has not hidden is found: elsewhere there is nothing.',
    codes: [],
  },
  user: { tag: 'users', description: 'For anybody. One that nobody has set is empty.', codes: [] },
  users: { tag: 'users', description: 'For anybody.', codes: [] },
  audit: {
    tag: 'moderation',
    description:
      'With `conversation` for its admins and owners; without it the token needs the scope `parley:audit`.',
    codes: [...moderating, 'insufficient-scope'],
  },
};
