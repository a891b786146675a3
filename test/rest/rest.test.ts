import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { ENDPOINTS } from "../../src/http/rest/endpoints.ts";
import { newCourse, putOnSale } from "../support/buyer.ts";
import { planId } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies are held against the document
type Json = any;

const URLS = { successUrl: "https://learn.example.com/done", cancelUrl: "https://learn.example.com/plans" };
const CALLERS = ["anonymous", "owner", "other", "admin", "service", "bad token"] as const;
type CallerName = (typeof CALLERS)[number];

let service: TestService;
let document: Json;
const ajv = new Ajv2020({ strict: false, allErrors: true });
(formats as unknown as (ajv: Ajv2020) => void)(ajv);
const ids: Record<string, string> = {};
const tokens: Record<CallerName, string | undefined> = {} as never;

interface Asked {
  body?: object | string;
  token?: string | undefined;
  headers?: Record<string, string>;
}
async function call(method: string, path: string, { body, token = tokens.owner, headers = {} }: Asked = {}) {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text && JSON.parse(text)) as Json };
}

/** What the OpenAPI document says against an answer of this endpoint. */
function faultsOf(method: string, path: string, answer: Awaited<ReturnType<typeof call>>): unknown {
  const { responses } = document.paths[path.replace(/:(\w+)/g, "{$1}")][method];
  const isProblem = answer.status >= 400;
  const said = isProblem ? document.components.responses.Problem : responses[answer.status];
  if (!said) return `${answer.status} is not described`;
  if (!said.content) return answer.body === "" ? null : "there is a body";
  const [[type, { schema }]] = Object.entries<Json>(said.content) as [[string, Json]];
  if (!answer.headers.get("content-type")?.startsWith(type)) return answer.headers.get("content-type");
  const validate = ajv.compile({ ...schema, components: document.components });
  return validate(answer.body) ? null : [validate.errors, answer.body];
}

beforeAll(async () => {
  service = await startService();
  const [owner, other] = [newUser(), newUser()];
  Object.assign(tokens, {
    owner: await service.token(owner),
    other: await service.token(other),
    admin: await service.token(newUser(), "admin"),
    service: await service.token("courses", "service"),
    "bad token": "not.a.token",
  });
  Object.assign(ids, {
    owner,
    other,
    plan: await planId(service, "Premium"),
    nobody: "01890000-0000-7000-8000-000000000000",
  });
  document = (await call("GET", "/openapi.json")).body;
});
afterAll(() => service.stop());

const courses: Record<string, ReturnType<typeof newCourse>> = {};
const onSale = async (name: string) => {
  courses[name] ??= newCourse();
  await putOnSale(service, courses[name]);
  return courses[name];
};

test("the description is OpenAPI 3.1, and has all endpoints that the platform knows", async () => {
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  expect(document.openapi).toBe("3.1.0");
  expect(ENDPOINTS.map(({ method, path }) => `${method.toUpperCase()} ${path}`)).toEqual([
    "GET /subscriptions/plans",
    "GET /subscriptions/status/:userId",
    "POST /subscriptions/checkout-session",
    "POST /subscriptions/create",
    "POST /subscriptions/:id/cancel",
    "GET /payments/history/:userId",
    "GET /payments/methods/:userId",
    "POST /payments/methods",
    "DELETE /payments/methods/:id",
    "POST /payments/methods/:id/default",
    "POST /purchases/create",
    "GET /purchases/history/:userId",
    "GET /purchases/:id/status",
  ]);
});

/** One learner's way through all of them, in this order; each answer is held against the description. */
const STORY: [
  endpoint: string,
  asked: () => Promise<[path: string, body?: object]>,
  seen: (body: Json) => void,
][] = [
  [
    "get /subscriptions/plans",
    async () => ["/subscriptions/plans"],
    ({ items, nextCursor }) => {
      expect(items.map(({ name }: Json) => name)).toContain("Premium");
      expect(nextCursor).toBeNull();
    },
  ],
  [
    "get /subscriptions/status/:userId",
    async () => [`/subscriptions/status/${ids.owner}`],
    (body) => expect(body).toEqual({ subscription: null, tier: "FREE" }),
  ],
  [
    "post /subscriptions/checkout-session",
    async () => ["/subscriptions/checkout-session", { planId: ids.plan, ...URLS }],
    ({ id, url }) =>
      expect([id, url]).toEqual([expect.stringMatching(/^cs_/), expect.stringContaining("http")]),
  ],
  [
    "post /payments/methods",
    async () => ["/payments/methods", { stripePaymentMethodId: "pm_card_visa", setDefault: true }],
    ({ id, last4 }) => {
      ids.method = id;
      expect(last4).toBe("4242");
    },
  ],
  [
    "post /subscriptions/create",
    async () => ["/subscriptions/create", { planId: ids.plan, paymentMethodId: ids.method }],
    ({ subscription }) => {
      ids.subscription = subscription.id;
      expect(subscription).toMatchObject({ status: "ACTIVE", grantsAccess: true });
    },
  ],
  [
    "get /subscriptions/status/:userId",
    async () => [`/subscriptions/status/${ids.owner}`],
    (body) => expect(body).toMatchObject({ subscription: { id: ids.subscription }, tier: "PREMIUM" }),
  ],
  [
    "post /payments/methods",
    async () => ["/payments/methods", { stripePaymentMethodId: "pm_card_mastercard" }],
    ({ id, isDefault }) => {
      ids.second = id;
      expect(isDefault).toBe(false);
    },
  ],
  [
    "post /payments/methods/:id/default",
    async () => [`/payments/methods/${ids.second}/default`],
    (body) => expect(body).toMatchObject({ id: ids.second, isDefault: true }),
  ],
  [
    "get /payments/methods/:userId",
    async () => [`/payments/methods/${ids.owner}`],
    ({ items }) => expect(items).toHaveLength(2),
  ],
  [
    "delete /payments/methods/:id",
    async () => [`/payments/methods/${ids.method}`],
    (body) => expect(body).toBe(""),
  ],
  [
    "post /purchases/create",
    async () => ["/purchases/create", { ...(await onSale("bought")), paymentMethodId: ids.second }],
    ({ purchase }) => {
      ids.purchase = purchase.id;
      expect(purchase).toMatchObject({ status: "COMPLETED", amount: { amount: 4_900, currency: "USD" } });
    },
  ],
  [
    "post /purchases/create",
    async () => ["/purchases/create", { ...(await onSale("on a page")), ...URLS }],
    ({ purchase, checkoutUrl }) =>
      expect([purchase.status, typeof checkoutUrl]).toEqual(["PENDING", "string"]),
  ],
  [
    "get /purchases/:id/status",
    async () => [`/purchases/${ids.purchase}/status`],
    (body) => expect(body).toMatchObject({ id: ids.purchase, status: "COMPLETED" }),
  ],
  [
    "get /purchases/history/:userId",
    async () => [`/purchases/history/${ids.owner}`],
    ({ items }) => expect(items).toHaveLength(2),
  ],
  [
    "get /payments/history/:userId",
    async () => [`/payments/history/${ids.owner}?statuses=SUCCEEDED&first=50`],
    ({ items }) => expect(items.length).toBeGreaterThanOrEqual(1),
  ],
  [
    "post /subscriptions/:id/cancel",
    async () => [`/subscriptions/${ids.subscription}/cancel`, { reason: "Exams are over." }],
    (body) => expect(body).toMatchObject({ id: ids.subscription, cancelAtPeriodEnd: true }),
  ],
];

test("a learner's way through all endpoints: each answers what its description says, with its status", async () => {
  for (const [endpoint, asked, seen] of STORY) {
    const [method = "", path = ""] = endpoint.split(" ");
    const [address, body] = await asked();
    const answer = await call(method.toUpperCase(), address, { ...(body && { body }) });
    expect([endpoint, faultsOf(method, path, answer)]).toEqual([endpoint, null]);
    const creates = ENDPOINTS.find((one) => one.method === method && one.path === path)?.creates;
    expect([endpoint, answer.status]).toEqual([endpoint, method === "delete" ? 204 : creates ? 201 : 200]);
    seen(answer.body);
  }
  expect(new Set(STORY.map(([endpoint]) => endpoint)).size).toBe(ENDPOINTS.length);
});

test("the second half of a list follows the first", async () => {
  const { body: all } = await eventually(
    () => call("GET", `/payments/history/${ids.owner}`),
    ({ body }) => body.items.length >= 2,
  );
  const { body: first } = await call("GET", `/payments/history/${ids.owner}?first=1`);
  expect(first.items).toEqual([all.items[0]]);
  const after = encodeURIComponent(first.nextCursor);
  const { body: rest } = await call("GET", `/payments/history/${ids.owner}?after=${after}`);
  expect(rest).toEqual({ items: all.items.slice(1), nextCursor: null });
});

test("the same Idempotency-Key gives the same answer, and another body under it is a conflict", async () => {
  const course = await onSale("once");
  const body = { ...course, paymentMethodId: ids.second };
  const headers = { "idempotency-key": "the only purchase" };
  const first = await call("POST", "/purchases/create", { body, headers });
  const second = await call("POST", "/purchases/create", { body, headers });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.body.purchase.id).toBe(first.body.purchase.id);
  const other = await call("POST", "/purchases/create", { body: { ...body, resourceId: "other" }, headers });
  expect(other).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
});

/** Statuses for {@link CALLERS}; mutations are tried on what is not there or the owner's, so that nobody changes it. */
const TABLE: [endpoint: string, address: () => string, body: (() => object) | null, statuses: string][] = [
  ["get /subscriptions/plans", () => "/subscriptions/plans", null, "200 200 200 200 200 200"],
  [
    "get /subscriptions/status/:userId",
    () => `/subscriptions/status/${ids.owner}`,
    null,
    "401 200 403 200 200 401",
  ],
  [
    "post /subscriptions/checkout-session",
    () => "/subscriptions/checkout-session",
    () => ({ planId: ids.nobody, ...URLS }),
    "401 404 404 404 400 401",
  ],
  [
    "post /subscriptions/create",
    () => "/subscriptions/create",
    () => ({ planId: ids.nobody }),
    "401 404 404 404 400 401",
  ],
  [
    "post /subscriptions/:id/cancel",
    () => `/subscriptions/${ids.nobody}/cancel`,
    () => ({}),
    "401 404 404 404 404 401",
  ],
  ["get /payments/history/:userId", () => `/payments/history/${ids.owner}`, null, "401 200 403 200 200 401"],
  ["get /payments/methods/:userId", () => `/payments/methods/${ids.owner}`, null, "401 200 403 200 200 401"],
  [
    "post /payments/methods",
    () => "/payments/methods",
    () => ({ stripePaymentMethodId: "nonsense" }),
    "401 400 400 400 400 401",
  ],
  ["delete /payments/methods/:id", () => `/payments/methods/${ids.nobody}`, null, "401 404 404 404 400 401"],
  [
    "post /payments/methods/:id/default",
    () => `/payments/methods/${ids.nobody}/default`,
    null,
    "401 404 404 404 400 401",
  ],
  [
    "post /purchases/create",
    () => "/purchases/create",
    () => ({ resourceType: "COURSE", resourceId: "nobody-sells-this", ...URLS }),
    "401 404 404 404 400 401",
  ],
  [
    "get /purchases/history/:userId",
    () => `/purchases/history/${ids.owner}`,
    null,
    "401 200 403 200 200 401",
  ],
  ["get /purchases/:id/status", () => `/purchases/${ids.purchase}/status`, null, "401 200 404 200 200 401"],
];

test("every endpoint has a row that says who may ask", () => {
  expect(TABLE.map(([endpoint]) => endpoint)).toEqual(
    ENDPOINTS.map(({ method, path }) => `${method} ${path}`),
  );
});

test.each(TABLE)(
  "%s is answered to whom it may be, and a refusal is a problem document",
  async (endpoint, address, body, statuses) => {
    const [method = "", path = ""] = endpoint.split(" ");
    const found = await Promise.all(
      CALLERS.map(async (caller) => {
        const token = caller === "anonymous" ? "" : tokens[caller];
        const answer = await call(method.toUpperCase(), address(), { token, ...(body && { body: body() }) });
        expect(faultsOf(method, path, answer)).toBeNull();
        if (answer.status === 401) expect(answer.headers.get("www-authenticate")).toBe("Bearer");
        if (answer.status >= 400) expect(answer.headers.get("cache-control")).toBe("no-store");
        return answer.status;
      }),
    );
    expect(found.join(" ")).toBe(statuses);
  },
);

test("another's purchase and one that there is not are told apart by nobody", async () => {
  const [other, none] = await Promise.all(
    [ids.purchase, ids.nobody].map((id) => call("GET", `/purchases/${id}/status`, { token: tokens.other })),
  );
  expect(other?.body).toEqual(none?.body);
});

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
  const response = await fetch(`${service.url}${path}`, { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
  expect(response.headers.get("content-type")).toMatch("application/problem+json");
  expect(await response.json()).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
});

test("an address where nothing is has a problem document as well", async () => {
  const response = await fetch(`${service.url}/payments/nothing/here`);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    404,
    expect.stringContaining("application/problem+json"),
  ]);
});
