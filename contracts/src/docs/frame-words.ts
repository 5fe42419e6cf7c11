import type { ClientFrame, ServerFrame } from '../frames.ts';

/** What each frame of the socket says, for its document. */
export const clientFrameWords: Record<ClientFrame['t'], string> = {
  hello: 'First, once, within 10 s. Commits follow from after `since`; null = from now on.',
  sub: 'Follow one conversation from a version: a public channel, a broadcast, or with `feed: none` one of your own.',
  unsub: 'Follow it no longer.',
  typing: 'You type, or stop. Say it again every few seconds while it lasts.',
  presence: 'What you are on this socket.',
  watch: 'Whose presence to tell, instead of those before.',
  auth: 'A newer token of the same user.',
  hb: 'I am here; any other frame says so as well.',
};

export const serverFrameWords: Record<ServerFrame['t'], string> = {
  welcome:
    'Who you are, and the position from which commits follow. `resumed`: the replay goes on from `since`.',
  commit: 'One commit, or the part of it that you see. `seq` strictly increases over `commit` and `commits`.',
  commits: 'Several, in order.',
  live: 'The replay is over.',
  hb: 'Everything you may see up to `position` was sent.',
  'sub-ok': 'The conversation is followed; what it has after `from` comes now.',
  'sub-commits': 'Older commits of a followed conversation, in order. They move no position.',
  'sub-live': 'It is caught up; its commits come with all others from here.',
  reset:
    'The server cannot go on exactly: load from the read API, whose `asOf` is the next `since`. With `conversation`, that one only.',
  revoked: 'You see nothing more of this conversation.',
  typing: 'Somebody types, until `ttlMs` have passed, they stop or their message comes.',
  presence: 'What a watched user is now.',
  presences: 'What several watched users are now.',
  'auth-soon': 'The token ends in so many milliseconds: send `auth`.',
  'auth-ok': 'The new token was taken.',
  drain: 'This node goes away: connect again after a random time within `afterMs`, in milliseconds.',
  error: 'A request could not be served; the connection stays.',
};

/** By name; where a name means two things, by `<side>.<type>.<name>`. */
const fields: Record<string, string> = {
  afterMs: 'Between these two, in milliseconds from now.',
  caps: 'What the client can do; nothing is asked of it yet.',
  code: 'A code of the error catalogue.',
  connection: 'Names this connection in the logs of the server.',
  conversation: 'The conversation.',
  'server.reset.conversation': 'Only this one; all when it is absent.',
  detail: 'What exactly, for people.',
  device:
    'Names one connection of the user: a newer one of the same name on the same node replaces it. Two tabs need two names.',
  epoch: 'This incarnation of the log. With another one, drop what was derived from the one before.',
  events:
    'CloudEvents, as the AsyncAPI document of the log describes them; what the user may not see is `parley.hidden`.',
  expiresAt: 'When the token ends, in milliseconds since 1970.',
  feed: '`all`: every conversation of the user. `none`: only what is subscribed.',
  frameBytes: 'Largest frame of a client.',
  from: 'The version that the client has; `head`: from now on.',
  'server.sub-ok.from': 'Commits follow from after this version.',
  head: 'The newest version now.',
  heartbeatMs: 'How often the server says `hb`; answer each with `hb`.',
  id: 'Chosen by the client, echoed in the answer.',
  inMs: 'Milliseconds until then.',
  items: 'In order.',
  lastSeen: 'When the user was last here, in milliseconds since 1970, if they let others see it.',
  limits: 'What this server holds clients to.',
  on: 'False: stopped.',
  position: 'Where the client is now: the `since` of its next connection.',
  presence: 'What the user is on this socket, from its first moment on.',
  queueBytes: 'Bytes that wait for one client before it is closed 4008.',
  reason: 'Why.',
  replayEvents: 'Most commits of one replay.',
  resumed: 'Whether the replay goes on from `since`.',
  retryAfterMs: 'Try again after so many milliseconds.',
  seq: 'Place of the commit in the log.',
  since: 'The position up to which the client was served; null = from now on.',
  state: 'What the user is.',
  subscriptions: 'Most conversations followed by `sub` at once.',
  t: 'Type of the frame.',
  token: 'The JWT. It is never in the URL.',
  ttlMs: 'How long it counts unless it is said again, in milliseconds.',
  user: 'The user.',
  users: 'At most 200.',
  version: 'Up to this version everything was sent.',
  watchedUsers: 'Most users watched at once.',
};

export function describeFrameField(owner: string, name: string): string | undefined {
  return fields[`${owner}.${name}`] ?? fields[name];
}
