import { isIP } from 'node:net';

/** Who asked, by what, for which host. */
export interface Visitor {
  /** An IP address, or `unknown`. */
  address: string;
  proto: 'http' | 'https';
  /** Value of `Host`. */
  host: string;
}

/** A name, an IPv4 address or an IPv6 one in brackets, with or without a port: what `Host` may be. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::\d{1,5})?$/;

/** The header lines that tell an app of the visitor, each with its CRLF. */
export function forwardedLines({ address, proto, host }: Visitor): string {
  const node = address.includes(':') ? `"[${address}]"` : address;
  return `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\nForwarded: for=${node};host="${host}";proto=${proto}\r\n`;
}

/**
 * The visitor by the word of whoever connected, as far as that is trusted: `lines` are the headers about forwarding, each with its CRLF. Each trusted
 * proxy is believed who came to it, and so on; further to the left anybody can have written anything.
 */
export function asTold(peer: Visitor, lines: string, trusts: (address: string) => boolean): Visitor {
  if (!trusts(peer.address)) return peer;
  const addresses = valuesOf(lines, 'x-forwarded-for');
  let { address } = peer;
  while (trusts(address)) {
    const before = addressIn(addresses.pop() ?? '');
    if (before === '') break;
    address = before;
  }
  const proto = valuesOf(lines, 'x-forwarded-proto').at(-1)?.toLowerCase();
  const host = valuesOf(lines, 'x-forwarded-host').at(-1);
  return {
    address,
    proto: proto === 'https' || proto === 'http' ? proto : peer.proto,
    host: host !== undefined && HOST.test(host) ? host : peer.host,
  };
}

/** An IPv4 address as itself, where the socket listens to both families. */
export function withoutMapping(address: string): string {
  return /^::ffff:[\d.]+$/i.test(address) ? address.slice('::ffff:'.length) : address;
}

/** All values of a header that is a list, from all its lines, in their order. */
function valuesOf(lines: string, name: string): string[] {
  const values: string[] = [];
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() === name) values.push(...line.slice(colon + 1).split(','));
  }
  return values.map((value) => value.trim());
}

/** The address in an item of `X-Forwarded-For`, which some proxies write with a port; empty when there is none. */
function addressIn(item: string): string {
  const [, bracketed, plain] = /^\[([^\]]*)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(item) ?? [];
  const address = withoutMapping(bracketed ?? plain ?? item);
  return isIP(address) !== 0 && !address.includes('%') ? address : '';
}
