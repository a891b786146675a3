import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";

/** Whose address a request came from; undefined where only a trusted proxy itself is known, which is no client. */
export type AddressOf = (request: IncomingMessage) => string | undefined;

/** Of connections that have been closed since: together they are one client. */
const GONE = "gone";

/**
 * The client's address: the peer's, or behind trusted proxies (addresses and CIDRs) what they say in X-Forwarded-For,
 * read from the right, each entry written by the one after it. What an untrusted peer says of itself is never read.
 */
export function clientAddress(trustedProxies: readonly string[]): AddressOf {
  const trusted = new BlockList();
  for (const one of trustedProxies) trust(trusted, one);
  const isTrusted = (address: string) => trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  return ({ socket, headers }) => {
    const peer = plain(socket.remoteAddress);
    if (peer === undefined) return GONE;
    if (trustedProxies.length === 0 || !isTrusted(peer)) return peer;
    const said = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",").filter(Boolean);
    let last = peer;
    for (const entry of said.reverse()) {
      const address = plain(entry.trim());
      // who cannot be read is counted as the proxy that says so
      if (address === undefined || !isTrusted(address)) return address ?? last;
      last = address;
    }
    // a client within the trusted networks is a client all the same, when a proxy speaks of it
    return said.length > 0 ? last : undefined;
  };
}

/** Whether a text names proxies that can be trusted: an address, or a CIDR. */
export function isAddressRange(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] as number;
  if (more.length > 0 || longest < 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longest);
}

function trust(list: BlockList, range: string): void {
  const [address = "", prefix] = range.split("/");
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  if (prefix === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(prefix), family);
}

/** An address without a port, brackets or zone, IPv4 as such; undefined for what is none. */
function plain(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  return isIP(address) ? address : undefined;
}

/** What is one client's: an IPv4 address, or the /64 that a household or machine has of IPv6. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head.split(":").filter(Boolean);
  const after = (tail ?? "").split(":").filter(Boolean);
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
