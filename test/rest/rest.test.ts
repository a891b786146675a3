import { Validator } from "@seriousme/openapi-schema-validator";
import { ENDPOINTS } from "../../src/http/rest/endpoints.ts";
import { newCourse, putOnSale } from "../support/buyer.ts";
import { CALLERS, type Json, type Rest, startRest, URLS } from "../support/rest.ts";
import { eventually } from "../support/service.ts";

let rest: Rest;
const ids: Rest["ids"] = {};
beforeAll(async () => {
  rest = await startRest();
  Object.assign(ids, rest.ids);
});
afterAll(() => rest?.service.stop());
const call: Rest["call"] = (...asked) => rest.call(...asked);

const courses: Record<string, ReturnType<typeof newCourse>> = {};
const onSale = async (name: string) => {
  courses[name] ??= newCourse();
  await putOnSale(rest.service, courses[name]);
  return courses[name];
};

test("the description is OpenAPI 3.1, and has all endpoints that the platform knows", async () => {
  expect(await new Validator().validate(structuredClone(rest.document))).toMatchObject({ valid: true });
  expect(rest.document.openapi).toBe("3.1.0");
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
    expect([endpoint, rest.faultsOf(method, path, answer)]).toEqual([endpoint, null]);
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
  const { body: others } = await call("GET", `/payments/history/${ids.owner}?after=${after}`);
  expect(others).toEqual({ items: all.items.slice(1), nextCursor: null });
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
        const token = caller === "anonymous" ? "" : rest.tokens[caller];
        const answer = await call(method.toUpperCase(), address(), { token, ...(body && { body: body() }) });
        expect(rest.faultsOf(method, path, answer)).toBeNull();
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
    [ids.purchase, ids.nobody].map((id) =>
      call("GET", `/purchases/${id}/status`, { token: rest.tokens.other }),
    ),
  );
  expect(other?.body).toEqual(none?.body);
});
