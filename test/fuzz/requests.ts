import { eventOf, signatureOf } from "../support/webhook.ts";
import { Chance } from "./chance.ts";
import { EVENT_TYPES, type GraphqlSeed, LIVE, MUTATIONS, QUERIES, REST } from "./seeds.ts";
import { spoilBytes, spoilText, spoilValue } from "./spoil.ts";

export const KINDS = ["GraphQL", "REST", "webhook", "WebSocket"] as const;
export type Kind = (typeof KINDS)[number];

/** Bytes for a connection; over WebSocket, frames for after the handshake. */
export interface Spoilt {
  readonly kind: Kind;
  readonly bytes: Buffer;
  readonly frames?: Buffer;
  /** A webhook that Stripe itself has signed. */
  readonly isSigned?: boolean;
}

/** Whose tokens come along: people's for everything, staff's where nothing is asked to be changed. */
export interface Tokens {
  readonly people: readonly string[];
  readonly staff: readonly string[];
}

/** The request of this number that this seed stands for; the same one whenever it is asked for. */
export function requestAt(seed: number, at: number, tokens: Tokens): Spoilt {
  const chance = new Chance(seed * 1_000_003 + at);
  for (let warm = 0; warm < 3; warm++) chance.next();
  const kind = chance.of(KINDS);
  return { kind, ...MAKERS[kind](chance, tokens) };
}

type Made = Omit<Spoilt, "kind">;
const MAKERS: Record<Kind, (chance: Chance, tokens: Tokens) => Made> = {
  GraphQL(chance, { people, staff }) {
    const isRead = chance.is(0.5);
    const seed = chance.of(isRead ? QUERIES : chance.is(0.7) ? MUTATIONS : LIVE);
    const token = tokenOf(isRead ? [...people, ...staff] : people, chance);
    const asked = spoiltGraphql(seed, chance);
    if (chance.is(0.1)) {
      const path = `/graphql?query=${encodeURIComponent(seed.query)}&variables=${encodeURIComponent(safely(asked))}`;
      return { bytes: http(["GET", chance.is(0.5) ? path : spoilText(path, chance)], { token }, "", chance) };
    }
    const body = chance.is(0.05) ? `[${asked},${asked}]` : asked;
    const path = chance.is(0.1) ? "/graphql/stream" : "/graphql";
    return { bytes: http(["POST", path], { token }, body, chance) };
  },
  REST(chance, { people, staff }) {
    const { method, path, body } = chance.of(REST);
    const token = tokenOf(method === "GET" ? [...people, ...staff] : people, chance);
    const verb = chance.is(0.15)
      ? chance.of(["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
      : method;
    const query = chance.is(0.4) ? `?${chance.of(QUERY_STRINGS)}` : "";
    const where = chance.is(0.3) ? spoilText(path, chance).replace(/^[^/]/, "/") : path + query;
    const text =
      body === undefined
        ? ""
        : chance.is(0.8)
          ? JSON.stringify(spoilValue(body, chance))
          : spoilText(JSON.stringify(body), chance);
    return {
      bytes: http(
        [verb, where],
        { token, "idempotency-key": chance.of(["k", "\u0001", "k".repeat(500), "{}"]) },
        text,
        chance,
      ),
    };
  },
  webhook(chance) {
    const event = eventOf(chance.of(EVENT_TYPES), { id: "obj_none", object: "thing", customer: "cus_none" });
    const good = JSON.stringify(event);
    const body = chance.is(0.5) ? JSON.stringify(spoilValue(event, chance)) : spoilText(good, chance);
    // Stripe itself may send nonsense: nobody else may send anything
    const isSigned = chance.is(0.3) && body !== good;
    const unsigned = chance.of([
      () => signatureOf(`${body} `),
      () => signatureOf(body, "whsec_somebody_elses"),
      () => signatureOf(body, undefined, 1),
      () => signatureOf(body).replace("v1=", "v0="),
      () => signatureOf(body).slice(0, -2),
      () => spoilText(signatureOf(`${body} `), chance),
      () => "t=NaN,v1=zz",
    ]);
    const signature = isSigned ? signatureOf(body) : unsigned();
    return {
      isSigned,
      bytes: http(["POST", "/webhooks/stripe"], { "stripe-signature": signature }, body, chance),
    };
  },
  WebSocket(chance, { people }) {
    const messages: unknown[] = [{ type: "connection_init", payload: { token: chance.of(people) } }];
    for (let times = 1 + chance.below(4); times > 0; times--)
      messages.push({
        id: chance.of(["1", "2", ""]),
        type: chance.of(["subscribe", "subscribe", "complete", "ping"]),
        payload: chance.of([...LIVE, ...QUERIES, ...MUTATIONS]),
      });
    const frames = messages.map((message, at) => {
      const isGood = at === 0 && chance.is(0.7);
      const text = isGood
        ? JSON.stringify(message)
        : chance.is(0.6)
          ? JSON.stringify(spoilValue(message, chance))
          : spoilText(JSON.stringify(message), chance);
      return isGood || chance.is(0.8)
        ? frame(Buffer.from(text ?? ""), 0x81, chance)
        : frame(Buffer.from(text ?? ""), chance.below(256), chance);
    });
    const all = Buffer.concat(frames);
    const isSpoilt = chance.is(0.4);
    return {
      bytes: Buffer.from(UPGRADE),
      frames: isSpoilt ? spoilBytes(all, chance) : Buffer.concat([all, GOODBYE]),
    };
  },
};

const UPGRADE =
  "GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n";
/** A close frame. */
const GOODBYE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
const QUERY_STRINGS = [
  ...[
    "first=-1",
    "first=1e9",
    "first[]=1&first[]=2",
    "__proto__[isAdmin]=1",
    "after=%00",
    "after=%ff%fe",
    "first=%",
  ],
  ...[
    "statuses=SUCCEEDED,NOTHING",
    "statuses[0][0]=x",
    "createdFrom=never",
    "constructor.prototype.x=1",
    "a".repeat(9_000),
  ],
];

function spoiltGraphql(seed: GraphqlSeed, chance: Chance): string {
  const asked = chance.is(0.5) ? { ...seed, query: spoilText(seed.query, chance) } : spoilValue(seed, chance);
  const text = safely(asked);
  return chance.is(0.15) ? spoilText(text, chance) : text;
}

const safely = (value: unknown) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function tokenOf(good: readonly string[], chance: Chance): string {
  const token = chance.of(good);
  if (chance.is(0.7)) return `Bearer ${token}`;
  const [head = "", claims = "", signature = ""] = token.split(".");
  const unsigned = Buffer.from('{"alg":"none"}').toString("base64url");
  return chance.of([
    () => "",
    () => `Bearer ${unsigned}.${claims}.`,
    () => `Bearer ${head}.${spoilText(claims, chance)}.${signature}`,
    () => `Bearer ${token} ${token}`,
    () => `Basic ${token}`,
    () => "Bearer ....",
    () => `Bearer ${"x".repeat(5_000)}`,
  ])();
}

/** A request as it goes over the wire, its headers as they should be or not quite. */
function http(
  [method, path]: [string, string],
  headers: Record<string, string>,
  body: string,
  chance: Chance,
): Buffer {
  const content = chance.is(0.1) ? spoilBytes(Buffer.from(body), chance) : Buffer.from(body);
  const { token, ...others } = headers;
  const lines: Record<string, string> = {
    host: "localhost",
    ...(token && { authorization: token }),
    ...others,
    ...(method !== "GET" && { "content-type": "application/json", "content-length": `${content.length}` }),
  };
  if (chance.is(0.25)) {
    const [name, value] = chance.of(ODD_HEADERS);
    lines[name] = value;
  }
  const plain = (text: string) => text.replace(/[\r\n]/g, "");
  const target = path.replace(/[^\x21-\x7e]/g, (sign) => (chance.is(0.5) ? "?" : encoded(sign)));
  const head = [
    `${method} ${target} HTTP/1.1`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${plain(value)}`),
  ];
  const bytes = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), content]);
  return chance.is(0.05) ? spoilBytes(bytes, chance) : bytes;
}

function encoded(sign: string): string {
  return `%${(sign.charCodeAt(0) % 256).toString(16).padStart(2, "0")}`;
}

const ODD_HEADERS: readonly [string, string][] = [
  ["content-type", "text/plain"],
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", "application/json; charset=nonsense"],
  ["content-type", "multipart/form-data; boundary=x"],
  ["content-type", "application/x-www-form-urlencoded"],
  ["content-type", ""],
  ["content-encoding", "gzip"],
  ["content-encoding", "br, gzip"],
  ["content-encoding", "nonsense"],
  ["content-length", "-1"],
  ["content-length", "99999999999999999999"],
  ["content-length", "10"],
  ["transfer-encoding", "chunked"],
  ["transfer-encoding", "gzip, chunked"],
  ["expect", "100-continue"],
  ["expect", "nonsense"],
  ["upgrade", "h2c"],
  ["connection", "upgrade"],
  ["accept", "*/*;q=0, text/html;q=nonsense"],
  ["accept", "text/event-stream"],
  ["accept", "multipart/mixed;deferSpec=20220824"],
  ["accept-language", "x".repeat(5_000)],
  ["origin", "null"],
  ["origin", "https://learn.example.com\u0000.evil.example"],
  ["cookie", "a=b; __proto__=c"],
  ["x-forwarded-for", "127.0.0.1, , ::ffff:zz, [::1"],
  ["x-request-id", "a b; DROP"],
  ["traceparent", "00-zz-zz-01"],
  ["router-secret", "guess"],
  ["x-http-method-override", "DELETE"],
  ["x-long", "y".repeat(20_000)],
  ["range", "bytes=0-"],
];

/** One frame as a client masks it, its length as it is. */
function frame(content: Buffer, first: number, chance: Chance): Buffer {
  const mask = Buffer.from([1, 2, 3, chance.below(256)]);
  const length =
    content.length < 126
      ? [0x80 | content.length]
      : content.length < 65_536
        ? [0xfe, content.length >> 8, content.length & 255]
        : [0xff, 0, 0, 0, 0, ...u32(content.length)];
  const masked = Buffer.from(content.map((byte, at) => byte ^ (mask[at % 4] as number)));
  return Buffer.concat([Buffer.from([first, ...length]), mask, masked]);
}

const u32 = (value: number) => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
