import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Whose connection it is: the peer's address, or the newest one in X-Forwarded-For that no trusted proxy has. What stands
 * before it was written by the client, and may be anything.
 */
export function clientAddresses(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = blockList(trustedProxies);
  return (request) => {
    const header = [request.headers['x-forwarded-for'] ?? []].flat().join(',');
    const forwarded = header.split(',').map((part) => plain(part.trim()));
    let address = plain(request.socket.remoteAddress ?? '');
    while (isTrusted(trusted, address)) {
      const before = forwarded.pop();
      if (before === undefined || isIP(before) === 0) break;
      address = before;
    }
    return address;
  };
}

function isTrusted(trusted: BlockList, address: string): boolean {
  const kind = isIP(address);
  return kind !== 0 && trusted.check(address, kind === 6 ? 'ipv6' : 'ipv4');
}

function blockList(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/');
    const kind = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, kind);
    else list.addSubnet(address, Number(bits), kind);
  }
  return list;
}

/** An IPv4 client of a socket that takes both kinds looks like `::ffff:10.0.0.1`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}
