import { signToken } from "../../src/auth/token.ts";
import { newLearner } from "./learner.ts";
import { newUser, startReplica, startService, type TestService } from "./service.ts";

type Headers = Record<string, string>;

/** A request to the GraphQL path. */
export interface Sent {
  /** An object is sent as JSON. */
  body?: unknown;
  headers?: Headers;
  method?: string;
  path?: string;
}

/** What came of it; a body that is JSON has been read. */
export interface Received {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
}

/**
 * A query that was validated before is answered in front of Express and Apollo Server. Nobody can tell, but by the time
 * that it takes: two replicas, of which one (`behind`) knows no other way than through them.
 */
export interface BothWays {
  readonly service: TestService;
  readonly behind: Awaited<ReturnType<typeof startReplica>>;
  /** Somebody who has a subscription. */
  readonly ada: Awaited<ReturnType<typeof newLearner>>;
  /** The header of somebody's token: ada, bob, service, expired, forged. */
  bearer(name: string): Headers;
  /** The same answer of both ways, to a document that both have seen before. */
  both(make: () => Sent, isFast: boolean): Promise<Received>;
  stop(): Promise<void>;
}

export async function startBothWays(): Promise<BothWays> {
  const service = await startService();
  const behind = await startReplica(service, { WORKER: "off" }, { fastPath: false });
  const ada = await newLearner(service);
  await ada.subscribe();
  const { jwt } = service.config;
  const tokens: Headers = {
    ada: ada.token,
    bob: await service.token(newUser()),
    service: await service.token("course-service", "service"),
    expired: await signToken(jwt, { sub: ada.userId }, "-1h"),
    forged: await signToken({ secret: "another secret, of the same length or so" }, { sub: ada.userId }),
  };
  return {
    ...{ service, behind, ada },
    bearer: (name) => ({ authorization: `Bearer ${tokens[name]}` }),
    both: (make, isFast) => both([service.url, behind.url], make, isFast),
    async stop() {
      await behind.app.stop();
      await service.stop();
    },
  };
}

const JSON_TYPE = { "content-type": "application/json" };

export async function send(
  url: string,
  { body, headers = {}, method = "POST", path = "" }: Sent,
): Promise<Received> {
  const isPlain = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  const response = await fetch(`${url}/graphql${path}`, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), "x-request-id": "of-the-router", ...headers },
    ...(body !== undefined && { body: isPlain ? (body as string) : JSON.stringify(body) }),
    ...(body instanceof ReadableStream && ({ duplex: "half" } as object)),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: text.startsWith("{") ? JSON.parse(text) : text,
  };
}

/** All that does not differ by the moment; Express alone adds an `etag`, which nobody asks for with POST. */
function compared({ status, headers, body }: Received) {
  const { date: _date, etag: _etag, ...others } = headers;
  return { status, headers: others, body };
}

async function both(
  [front, back]: readonly [string, string],
  make: () => Sent,
  isFast: boolean,
): Promise<Received> {
  await send(front, make());
  await send(back, make());
  const inFront = await send(front, make());
  const behind = await send(back, make());
  expect(compared(inFront)).toEqual(compared(behind));
  // who has answered: an answer of Express's has an etag
  const byExpress = [inFront, behind].map(({ headers }) => headers.etag !== undefined);
  expect({ isFast: !byExpress[0], back: byExpress[1] }).toEqual({ isFast, back: true });
  return inFront;
}

/** The codes of an answer's errors, with where they stand. */
export const codesOf = ({ body }: Received) =>
  (body.errors ?? []).map((error: { extensions: { code: string }; path?: string[] }) => [
    error.extensions.code,
    error.path?.join("."),
  ]);

/** Entities as a gateway asks for them. */
export const entities = (...r: object[]) => ({ query: ENTITIES, variables: { r } });

export const PLANS = "{ plans { id name price { amount currency } features { key limit } } }";
const ENTITIES = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename
  ... on User { id subscription { status plan { name } } }
  ... on Course { id viewerAccess { granted source expiresAt } }
  ... on UserSubscription { id status } } }`;
