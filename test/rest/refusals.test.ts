import { type Json, type Rest, startRest } from "../support/rest.ts";

let rest: Rest;
const ids: Rest["ids"] = {};
beforeAll(async () => {
  rest = await startRest();
  Object.assign(ids, rest.ids);
});
afterAll(() => rest?.service.stop());
const call: Rest["call"] = (...asked) => rest.call(...asked);

test.each<[name: string, ask: () => Promise<Json>, body: object]>([
  [
    "a field that is missing",
    () => call("POST", "/subscriptions/create", { body: {} }),
    { code: "BAD_USER_INPUT", field: "planId" },
  ],
  [
    "a field of another type",
    () => call("POST", "/subscriptions/create", { body: { planId: ids.plan, quantity: "many" } }),
    { code: "BAD_USER_INPUT", field: "quantity" },
  ],
  [
    "a field that there is not",
    () => call("POST", "/subscriptions/create", { body: { planId: ids.plan, price: 1 } }),
    { code: "BAD_USER_INPUT" },
  ],
  [
    "a plan that there is not",
    () => call("POST", "/subscriptions/create", { body: { planId: ids.nobody } }),
    { code: "NOT_FOUND" },
  ],
  [
    "a list instead of an object",
    () => call("POST", "/subscriptions/create", { body: [] }),
    { code: "BAD_USER_INPUT", field: "body" },
  ],
  [
    "a body that is no JSON",
    () => call("POST", "/subscriptions/create", { body: "{" }),
    { code: "BAD_USER_INPUT" },
  ],
  [
    "a body of another kind",
    () =>
      call("POST", "/subscriptions/create", {
        body: "planId=1",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }),
    { code: "BAD_USER_INPUT", field: "body" },
  ],
  [
    "a body that is too large",
    () => call("POST", "/subscriptions/create", { body: { planId: "x".repeat(300_000) } }),
    { code: "PAYLOAD_TOO_LARGE" },
  ],
  [
    "a page that is too long",
    () => call("GET", `/payments/history/${ids.owner}?first=1000`),
    { code: "BAD_USER_INPUT", field: "first" },
  ],
  [
    "a number that is none",
    () => call("GET", `/payments/history/${ids.owner}?first=many`),
    { code: "BAD_USER_INPUT", field: "first" },
  ],
  [
    "a status that there is not",
    () => call("GET", `/payments/history/${ids.owner}?statuses=DONE`),
    { code: "BAD_USER_INPUT", field: "statuses" },
  ],
  [
    "an end that was sent twice",
    () => call("GET", `/payments/history/${ids.owner}?after=a&after=b`),
    { code: "BAD_USER_INPUT", field: "after" },
  ],
])("%s is refused as a problem that names it", async (_name, ask, body) => {
  const answer = await ask();
  expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(answer.body).toMatchObject({ status: answer.status, ...body });
  expect(answer.body.detail).not.toMatch(/\$input|Variable/);
});

test.each<[string, string, string]>([
  ["PUT", "/subscriptions/plans", "GET, HEAD"],
  ["GET", "/subscriptions/create", "POST"],
  ["PATCH", "/payments/methods/some-id", "GET, HEAD, DELETE"],
  ["DELETE", "/payments/methods/some-id/default", "POST"],
])("%s %s says which methods there are", async (method, path, allowed) => {
  const response = await fetch(`${rest.service.url}${path}`, { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
  expect(response.headers.get("content-type")).toMatch("application/problem+json");
  expect(await response.json()).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
});

test("an address where nothing is has a problem document as well", async () => {
  const response = await fetch(`${rest.service.url}/payments/nothing/here`);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    404,
    expect.stringContaining("application/problem+json"),
  ]);
});
