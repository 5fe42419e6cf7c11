import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainText, type SlackNames } from './slack-text.ts';

const names: SlackNames = {
  user: (id) => (id === 'U1' ? 'anna' : id === 'U2' ? 'a>b' : `slack-${id}`),
  channel: (id) => (id === 'C1' ? 'general' : undefined),
};

test.each([
  ['plain *bold* :tea: text', 'plain *bold* :tea: text'],
  ['1 &lt; 2 &amp;&amp; 3 &gt; 2', '1 < 2 && 3 > 2'],
  ['&amp;lt; stays escaped once', '&lt; stays escaped once'],
  ['<@U1> and <@U9|nine>', '<@anna> and <@slack-U9>'],
  ['<@U2> cannot be called', '@a>b cannot be called'],
  ['<#C1> <#C2|random> <#C3>', '#general #random #C3'],
  ['<!here> <!channel> <!everyone>', '@here @all @all'],
  ['<!subteam^S1|@team> <!date^1392734382^{date}|Feb 18> <!subteam^S1>', '@team Feb 18 @subteam'],
  ['<https://example.com>', 'https://example.com'],
  ['<https://example.com/?a=1&amp;b=2|a &amp; b>', 'a & b (https://example.com/?a=1&b=2)'],
  ['<http://example.com|example.com>', 'http://example.com'],
  ['<mailto:anna@example.com|anna@example.com>', 'anna@example.com'],
  ['<> << <a|b', ' << <a|b'],
])('%s becomes %s', (slack, plain) => {
  expect(plainText(slack, names)).toBe(plain);
});

test('no text makes it fail, and one without markup stays as it is however often it is converted', () => {
  const anyText = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom('<', '>', '|', '@', '#', '!', '&', '&amp;', '&lt;', 'U1', ' '))
      .map((all) => all.join('')),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const plain = plainText(text, names);
      const unmarked = text.replace(/[<&]/g, '');
      const settled = /[<&]/.test(plain) || plainText(plain, names) === plain;
      return settled && plainText(unmarked, names) === unmarked;
    }),
  );
});
