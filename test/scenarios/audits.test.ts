import { serverAudits } from "graphql-http";
import { startService, type TestService } from "../support/service.ts";

// GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), as the audits of graphql-http have it.
let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** What the draft says SHOULD be, and is not here. */
const EXCEPTIONS: Record<string, string> = {
  "572B":
    "a document that cannot be read is 400 for application/json too: proxies and monitors see that it failed",
  FDE2: "the same for one that is not valid",
  "7B9B": "the same for variables that do not fit",
};

/** With the header that shows a page of another origin could not have sent it: GET without it is refused. */
const fetchFn = (url: string, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...(init.headers as object), "apollo-require-preflight": "true" } });

const audits = serverAudits({ url: () => `${service.url}/graphql`, fetchFn });

test.each(audits.map((audit) => [audit.id, audit.name, audit] as const))(
  "%s: %s",
  async (id, _name, audit) => {
    const { status } = await audit.fn();
    expect(status).toBe(id in EXCEPTIONS ? "warn" : "ok");
  },
);

test("each exception is an audit that there is", () => {
  const known = new Set(audits.map(({ id }) => id));
  expect(Object.keys(EXCEPTIONS).filter((id) => !known.has(id))).toEqual([]);
});
