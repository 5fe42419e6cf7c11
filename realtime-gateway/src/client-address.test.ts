import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { clientAddresses } from './client-address.ts';

const request = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

test.each([
  ['nobody is trusted', [], '10.0.0.1', '203.0.113.7', '10.0.0.1'],
  ['the peer is no proxy', ['10.0.0.0/8'], '192.0.2.1', '203.0.113.7', '192.0.2.1'],
  ['a proxy says who it is', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['a proxy behind a proxy', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7, 10.0.0.2', '203.0.113.7'],
  ['the client invents some', ['10.0.0.1'], '10.0.0.1', '127.0.0.1, 203.0.113.7', '203.0.113.7'],
  ['a proxy says nothing', ['10.0.0.1'], '10.0.0.1', undefined, '10.0.0.1'],
  ['a proxy passes nonsense on', ['10.0.0.1'], '10.0.0.1', 'x, ', '10.0.0.1'],
  ['IPv4 comes as IPv6', ['10.0.0.0/8'], '::ffff:10.0.0.1', '::ffff:203.0.113.7', '203.0.113.7'],
  ['all is IPv6', ['2001:db8::/32'], '2001:db8::1', '2001:db9::7', '2001:db9:0:0::/64'],
  [
    'one of many addresses of a network',
    [],
    '2001:db8:0:7:aaaa:bbbb:cccc:dddd',
    undefined,
    '2001:db8:0:7::/64',
  ],
  ['a proxy names the port', ['10.0.0.1'], '10.0.0.1', '203.0.113.7:4711', '203.0.113.7'],
  ['a proxy names the port of IPv6', ['10.0.0.1'], '10.0.0.1', '[2001:db9::7]:4711', '2001:db9:0:0::/64'],
  ['only proxies', ['10.0.0.0/8'], '10.0.0.1', '10.0.0.3,10.0.0.2', '10.0.0.3'],
])('whose connection it is when %s', (_, trusted, peer, forwarded, address) => {
  expect(clientAddresses(trusted)(request(peer, forwarded))).toBe(address);
});
