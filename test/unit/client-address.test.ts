import type { IncomingMessage } from "node:http";
import { clientAddress, isAddressRange, networkOf } from "../../src/rate-limits/client-address.ts";

const request = (peer: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress: peer },
    headers: { "x-forwarded-for": forwarded },
  }) as unknown as IncomingMessage;

const behind = clientAddress(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);

test.each<[string, string | undefined, string | undefined, string | undefined]>([
  ["a direct client is its own address", "203.0.113.9", undefined, "203.0.113.9"],
  ["what an untrusted peer says is not read", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
  ["a trusted proxy says who it was", "10.1.2.3", "203.0.113.9", "203.0.113.9"],
  ["as an IPv4 address within IPv6 too", "::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"],
  [
    "several proxies are skipped from the right",
    "10.1.2.3",
    "203.0.113.9, 192.0.2.7,10.9.9.9",
    "203.0.113.9",
  ],
  [
    "what a client itself wrote is left of its own address",
    "10.1.2.3",
    "1.1.1.1, 203.0.113.9",
    "203.0.113.9",
  ],
  ["a client cannot pass for a proxy", "10.1.2.3", "1.1.1.1, 10.5.5.5, 203.0.113.9", "203.0.113.9"],
  ["a port is no part of an address", "10.1.2.3", "203.0.113.9:4711", "203.0.113.9"],
  ["nor are brackets", "fd00::1", "[2001:db8::5]:4711", "2001:db8::5"],
  ["what cannot be read counts as the proxy that wrote it", "10.1.2.3", "unknown, 10.9.9.9", "10.9.9.9"],
  ["a proxy by itself is no client", "10.1.2.3", undefined, undefined],
  ["one of which another speaks is", "10.1.2.3", "10.4.4.4, 10.5.5.5", "10.4.4.4"],
  ["connections that are gone are one client together", undefined, undefined, "gone"],
])("%s", (_name, peer, forwarded, address) => {
  expect(behind(request(peer, forwarded))).toBe(address);
});

test("without trusted proxies the peer is the client, whatever it says", () => {
  expect(clientAddress([])(request("10.1.2.3", "203.0.113.9"))).toBe("10.1.2.3");
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"],
  ["2001:DB8::7:1:2:3:4", "2001:db8:0:7::/64"],
  ["2001:0db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("%s is counted as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("addresses and CIDRs are ranges, and nothing else is", () => {
  for (const good of ["10.0.0.0/8", "10.0.0.1", "fd00::/8", "::1/128", "0.0.0.0/0"])
    expect(isAddressRange(good)).toBe(true);
  for (const bad of [
    "10.0.0.0/33",
    "10.0.0/8",
    "::1/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "loopback",
    "true",
    "1/-1",
  ])
    expect(isAddressRange(bad)).toBe(false);
});
