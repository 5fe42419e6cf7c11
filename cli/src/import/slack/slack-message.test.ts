import { describe, expect, test } from 'vitest';
import { itemsOf, type SlackDirectory } from './slack-message.ts';

const directory: SlackDirectory = {
  user: (id) => id.toLowerCase(),
  channel: () => undefined,
  userOfBot: (id) => (id === 'B1' ? 'UBOT' : undefined),
  isListed: (id) => id !== 'UEXT',
};
const TS = '1709280000.000100';
const message = (more: object) => ({ type: 'message', ts: TS, user: 'U1', text: 'hi', ...more });
const items = (value: unknown) => itemsOf(value, 'general/2024-03-01.json', 7, directory);
const imported = { from: 'slack', id: TS, at: '2024-03-01T08:00:00.000Z' };
const place = `general/2024-03-01.json:${TS}`;

describe('a message of Slack', () => {
  test.each<[string, object, object]>([
    ['plain', {}, { user: 'u1', text: 'hi', imported, answerable: false, reactions: [] }],
    [
      'edited',
      { edited: { ts: '1709280060.000000' } },
      { imported: { ...imported, edited: '2024-03-01T08:01:00.000Z' } },
    ],
    ['of me', { subtype: 'me_message' }, { text: 'hi', imported: { ...imported, kind: 'me_message' } }],
    ['first of a thread', { thread_ts: TS }, { answerable: true }],
    ['first of an old thread', { replies: [{ user: 'U2', ts: TS }] }, { answerable: true }],
    ['reply', { thread_ts: '1709270000.000100' }, { thread: '1709270000.000100', answerable: false }],
    [
      'reply for all',
      { subtype: 'thread_broadcast', thread_ts: '1709270000.000100' },
      { thread: '1709270000.000100' },
    ],
    ['of a bot that is a user', { user: null, bot_id: 'B1', subtype: 'bot_message' }, { user: 'ubot' }],
    [
      'of a bot alone',
      { user: undefined, bot_id: 'B2', username: 'Hook', subtype: 'bot_message' },
      { user: 'b2', imported: { ...imported, kind: 'bot_message', name: 'Hook' } },
    ],
    [
      'of a bot of which only a name is known',
      { user: undefined, username: 'Old hook', subtype: 'bot_message' },
      { user: 'bot', imported: { ...imported, kind: 'bot_message', name: 'Old hook' } },
    ],
    [
      'of a bot that is named aside',
      { user: undefined, bot_id: 'B2', bot_profile: { name: 'Build' } },
      { user: 'b2', imported: { ...imported, name: 'Build' } },
    ],
    [
      'of somebody of another workspace',
      { user: 'UEXT', user_profile: { real_name: 'Ext', display_name: '' } },
      { imported: { ...imported, name: 'Ext' } },
    ],
    ['of somebody who is listed', { user_profile: { real_name: 'Uno' } }, { imported }],
    [
      'with an odd decoration',
      { edited: { user: 'U1' }, attachments: [{ title: 5, text: false }] },
      { text: 'hi\n5' },
    ],
    [
      'that is made of blocks',
      {
        text: '',
        blocks: [
          { type: 'header', text: { type: 'plain_text', text: 'Build' } },
          {
            type: 'section',
            text: { type: 'mrkdwn', text: 'of <@U2>' },
            fields: [{ text: 'a' }, { text: 'b' }],
          },
          { type: 'divider' },
          {
            type: 'rich_text',
            elements: [
              {
                type: 'rich_text_section',
                elements: [
                  { type: 'text', text: 'ask ' },
                  { type: 'user', user_id: 'U3' },
                  { type: 'emoji', name: 'tea' },
                  { type: 'link', url: 'https://a.example' },
                ],
              },
            ],
          },
          { type: 'image', image_url: 'https://i.example', alt_text: 'a cat' },
        ],
      },
      { text: 'Build\nof <@u2>\na\nb\nask <@u3>:tea:https://a.example\na cat' },
    ],
    [
      'of a bot with fields and an image',
      {
        text: '',
        attachments: [
          {
            author_name: 'CI',
            fields: [{ title: 'State', value: 'red' }, { value: 'x' }],
            image_url: 'https://i.example',
          },
          { blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'in a block' } }] },
        ],
      },
      { text: 'CI\nState: red\nx\nhttps://i.example\nin a block' },
    ],
    [
      'of a bot that says it in attachments',
      {
        text: '',
        attachments: [
          { title: 'Build', title_link: 'https://ci.example.com', text: 'passed &amp; fast' },
          { fallback: 'x' },
        ],
      },
      { text: 'Build (https://ci.example.com)\npassed & fast\nx' },
    ],
    [
      'with the preview of a link',
      { text: '<https://a.example>', attachments: [{ title: 'A', title_link: 'https://a.example' }] },
      { text: 'https://a.example' },
    ],
    [
      'with files',
      {
        text: '',
        files: [{ title: 'Plan', url_private: 'https://f.example/1' }, { mode: 'tombstone' }, null],
      },
      { text: '[Plan] https://f.example/1\n[file] (no longer there)' },
    ],
    [
      'about a file',
      { user: undefined, text: '', subtype: 'file_comment', comment: { user: 'U3', comment: 'nice' } },
      { user: 'u3', text: 'nice' },
    ],
    ['deleted', { subtype: 'tombstone', user: 'USLACKBOT' }, { user: 'uslackbot', deleted: true }],
    [
      'that tells of a topic',
      { subtype: 'channel_topic', topic: 'tea' },
      { text: 'hi', imported: { ...imported, kind: 'channel_topic' } },
    ],
    [
      'with reactions',
      { reactions: [{ name: 'tea', users: ['U1', 'U2'], count: 2 }] },
      {
        reactions: [
          { emoji: ':tea:', user: 'u1' },
          { emoji: ':tea:', user: 'u2' },
        ],
      },
    ],
  ])('%s', (_, slack, item) => {
    const [first, ...more] = items(message(slack));
    expect(first).toMatchObject({ kind: 'message', place, id: TS, ...item });
    expect(more).toEqual([]);
  });

  test.each(['channel_join', 'group_join'])('%s is somebody coming', (subtype) => {
    expect(items(message({ subtype }))).toEqual([{ kind: 'join', place, id: TS, user: 'u1' }]);
  });

  test.each(['channel_leave', 'group_leave'])('%s is somebody going', (subtype) => {
    expect(items(message({ subtype }))).toEqual([{ kind: 'leave', place, id: TS, user: 'u1' }]);
  });

  test('whose blocks lie in one another without end is read to some depth', () => {
    let block: object = { text: 'deep' };
    for (let depth = 0; depth < 5_000; depth++) block = { elements: [block] };
    expect(items(message({ text: '', blocks: [block] }))).toMatchObject([{ kind: 'message', text: '' }]);
  });

  test.each<[string, unknown, string, string]>([
    ['an unknown subtype', message({ subtype: 'mystery' }), place, 'subtype mystery'],
    ['an unknown type', message({ type: 'event' }), place, 'type event'],
    ['nobody', message({ user: undefined }), place, 'message of nobody'],
    [
      'no time',
      message({ ts: 'soon' }),
      'general/2024-03-01.json:7',
      'field "ts": must be seconds with six decimals',
    ],
    ['no object', null, 'general/2024-03-01.json:7', 'not a JSON object'],
  ])('with %s is skipped, with its place and why', (_, slack, where, reason) => {
    expect(items(slack)).toEqual([{ kind: 'skipped', place: where, reason, loss: true }]);
  });

  test('with more reactions than are named says so', () => {
    const [, skipped] = items(message({ reactions: [{ name: 'tea', users: ['U1'], count: 50 }] }));
    expect(skipped).toMatchObject({ kind: 'skipped', loss: false });
  });
});
