import type { Chance } from "./chance.ts";

// What is done to a good request, so that it is not quite good any more.

const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);

/** Values that programs stumble over. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, "", " ", 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, [[]], [null]],
  ...[
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "e\u0301".repeat(500),
    "💳".repeat(200),
    "x".repeat(70_000),
  ],
  ...[
    "__proto__",
    "constructor",
    "NaN",
    "Infinity",
    "null",
    "1e999",
    "-0",
    "' or 1=1 --",
    "../../etc/passwd",
  ],
  ...[
    "2026-99-99T99:99:99Z",
    "0000-00-00",
    "+275760-09-13T00:00:00.001Z",
    "%00",
    "\r\nx-evil: 1",
    "<script>",
  ],
  JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"roles":["admin"]}}}'),
  JSON.parse(deep("[", "]", 2_000)),
  JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`),
];
const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "",
  "\u0000",
  "extensions",
  "input",
];
/** JSON that no value of ours is written as. */
const TEXTS = [
  ...["1e400", "-", "01", "{", "[", '"', "nul", "undefined", "\ufeff{}", "{}{}", '{"a":1,"a":2}', "[1,]"],
  ...[deep("[", "]", 50_000), '{"query":'.repeat(5_000), `"${"\\u0000".repeat(1_000)}"`, "9".repeat(5_000)],
];

/** A value with something in it that is something else, or more, or less. */
export function spoilValue(value: unknown, chance: Chance): unknown {
  const copy = structuredClone(value);
  const holders: object[] = [];
  const find = (one: unknown) => {
    if (typeof one !== "object" || one === null) return;
    holders.push(one);
    for (const part of Object.values(one)) find(part);
  };
  find(copy);
  if (holders.length === 0) return chance.of(VALUES);
  const holder = chance.of(holders) as Record<string, unknown>;
  const keys = Object.keys(holder);
  const key = chance.is(0.8) && keys.length > 0 ? chance.of(keys) : chance.of(KEYS);
  if (chance.is(0.15)) delete holder[key];
  else
    Object.defineProperty(holder, key, {
      ...{ value: chance.of(VALUES), enumerable: true, configurable: true, writable: true },
    });
  return copy;
}

/** A text with some of its characters gone, doubled, moved or foreign. */
export function spoilText(text: string, chance: Chance): string {
  if (chance.is(0.05)) return chance.of(TEXTS);
  const [from, to] = [chance.below(text.length + 1), chance.below(text.length + 1)].sort((a, b) => a - b);
  const [head, part, tail] = [text.slice(0, from), text.slice(from, to), text.slice(to)];
  return chance.of([
    () => head,
    () => head + tail,
    () => head + part + part + tail,
    () => tail + head,
    () =>
      head +
      chance.of(["\u0000", "\ud800", "{", "}", "(", ")", '"', "$", "@", "...", "#", "\n", "\\"]) +
      part +
      tail,
    () => head + deep(chance.of(["{", "[", "("]), "", 3_000) + tail,
    () => text.replace(/\d+/g, () => chance.of(["-1", "0", "99999999999999999999", "1e99", "0x10"])),
    () =>
      text.replace(/\w+/g, (word) =>
        chance.is(0.1) ? chance.of([...KEYS, "__typename", "on", "fragment"]) : word,
      ),
  ])();
}

/** Bytes with some of them gone, doubled or flipped. */
export function spoilBytes(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  return chance.of([
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(8))]),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(chance.below(bytes.length + 1))]),
    () => {
      const flipped = Buffer.from(bytes);
      for (let times = 1 + chance.below(4); times > 0 && flipped.length > 0; times--)
        flipped[chance.below(flipped.length)] = chance.below(256);
      return flipped;
    },
  ])();
}
