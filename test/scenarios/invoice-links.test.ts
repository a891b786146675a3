import { InvoiceLinks } from "../../src/services/invoice-links.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { recordLogs } from "../support/logs.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";

const LINKS = `query ($userId: ID) { invoices(userId: $userId) { nodes { id status hostedInvoiceUrl pdfUrl } } }`;
const ENTITY = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Invoice { id hostedInvoiceUrl pdfUrl } } }`;

const { logger, lines } = recordLogs();
let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService({ overrides: { logger } });
});
beforeEach(async () => {
  ada = await newLearner(service);
  await ada.subscribe();
  await eventually(latest, (invoice) => invoice?.status === "PAID");
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const latest = async () => (await ada.ask(LINKS)).data.invoices.nodes[0];
const follow = async (link: string, init: RequestInit = {}) => {
  const response = await fetch(link, { redirect: "manual", ...init });
  const to = response.headers.get("location");
  return { status: response.status, to, headers: response.headers, body: to ? null : await response.json() };
};

test("the owner's links lead to the provider's page and file as they are now, and are told nobody", async () => {
  const { hostedInvoiceUrl, pdfUrl } = await latest();
  expect(hostedInvoiceUrl.startsWith(`${service.url}/invoices/`)).toBe(true);
  const [remote] = await ada.invoices();
  const page = await follow(hostedInvoiceUrl);
  expect([page.status, page.to]).toEqual([302, remote?.hosted_invoice_url]);
  for (const { headers } of [page, await follow(pdfUrl)]) {
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("set-cookie")).toBeNull();
  }
  expect((await follow(pdfUrl)).to).toBe(remote?.invoice_pdf);
  const shown = await fetch(hostedInvoiceUrl);
  expect([shown.status, await shown.text()]).toEqual([200, expect.stringContaining(String(remote?.number))]);
  expect(
    Buffer.from(await (await fetch(pdfUrl)).arrayBuffer())
      .subarray(0, 5)
      .toString(),
  ).toBe("%PDF-");

  const logged = JSON.stringify(lines);
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [remote?.hosted_invoice_url, "token=", hostedInvoiceUrl.split("token=")[1]])
    expect(logged).not.toContain(secret);
  const rows = await service.app.parts.orm.em.fork().execute<object[]>("select * from invoices");
  expect(JSON.stringify(rows)).not.toContain("http");
});

test("nobody but the owner is given a link: not an admin, not a service, not even one of the same id", async () => {
  const { id } = await latest();
  const others = [
    await service.token(newUser(), "admin"),
    await service.token("billing", "service"),
    await service.token(ada.userId, "service"),
  ];
  for (const token of others) {
    const { data, errors } = await service.ask(LINKS, { userId: ada.userId }, token);
    expect(errors).toBeUndefined();
    expect(data.invoices.nodes[0]).toMatchObject({ id, hostedInvoiceUrl: null, pdfUrl: null });
    const entity = await service.ask(ENTITY, { r: [{ __typename: "Invoice", id }] }, token);
    expect(entity.data._entities).toEqual([{ id, hostedInvoiceUrl: null, pdfUrl: null }]);
  }
  const own = await ada.ask(ENTITY, { r: [{ __typename: "Invoice", id }] });
  expect(own.data._entities).toEqual([
    {
      id,
      hostedInvoiceUrl: expect.stringContaining(`/${id}/page?`),
      pdfUrl: expect.stringContaining(`/${id}/pdf?`),
    },
  ]);
  const admin = await service.token(ada.userId, "admin");
  expect((await service.ask(LINKS, {}, admin)).data.invoices.nodes[0].pdfUrl).toEqual(expect.any(String));
});

test("after five minutes a link is 410, and what was never one 404, each with its code", async () => {
  const { id, hostedInvoiceUrl } = await latest();
  const { invoiceLinkSecrets, publicUrl } = service.config;
  const madeAgo = (ms: number) =>
    new InvoiceLinks(invoiceLinkSecrets, publicUrl, () => Date.now() - ms).to("page", id) as string;
  expect((await follow(madeAgo(290_000))).status).toBe(302);
  const old = await follow(madeAgo(301_000));
  expect([old.status, old.body]).toEqual([
    410,
    { code: "LINK_EXPIRED", error: expect.stringMatching(/expired/) },
  ]);
  expect(old.headers.get("cache-control")).toBe("no-store");
  const missing = { code: "NOT_FOUND", error: "There is no such link." };
  const bare = hostedInvoiceUrl.split("?")[0];
  for (const link of [
    bare,
    `${bare}?token=`,
    `${bare}?token=a&token=b`,
    `${hostedInvoiceUrl.slice(0, -1)}${hostedInvoiceUrl.endsWith("A") ? "B" : "A"}`,
    hostedInvoiceUrl.replace("/page?", "/pdf?"),
    hostedInvoiceUrl.replace(id, "01890000-0000-7000-8000-000000000000"),
    hostedInvoiceUrl.replace(id, "%00"),
  ]) {
    const { status, body } = await follow(link);
    expect([link, status, body]).toEqual([link, 404, missing]);
  }
  // who is signed in makes no difference to what is no link
  const signedIn = { headers: { authorization: `Bearer ${ada.token}` } };
  expect((await follow(bare, signedIn)).status).toBe(404);
  for (const [link, init] of [
    [hostedInvoiceUrl.replace("/page?", "/other?"), {}],
    [hostedInvoiceUrl, { method: "POST" }],
  ] as const)
    expect(await follow(link, init)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
});

test("a draft has no links; nor does one lead anywhere that is gone at the provider", async () => {
  const stripe = stripeOf(service);
  const customer = await customerOf(service, ada.userId);
  const draft = await stripe.invoices.create({ customer, currency: "usd", auto_advance: false });
  const shown = await eventually(latest, (invoice) => invoice.status === "DRAFT");
  expect(shown).toMatchObject({ hostedInvoiceUrl: null, pdfUrl: null });
  const link = new InvoiceLinks(service.config.invoiceLinkSecrets, service.config.publicUrl).to(
    "pdf",
    shown.id,
  );
  const nowhere = [404, { code: "NOT_FOUND", error: "There is no such invoice." }];
  const followed = async () => {
    const { status, body } = await follow(link as string);
    return [status, body];
  };
  expect(await followed()).toEqual(nowhere);
  await stripe.invoices.del(draft.id as string);
  expect(await followed()).toEqual(nowhere);
});

test("while the provider does not answer a link is 503 and stays good", async () => {
  const { hostedInvoiceUrl } = await latest();
  const [remote] = await ada.invoices();
  await setFaults(service, {
    calls: [{ method: "GET", path: `/v1/invoices/${remote?.id}`, times: 20, status: 500, when: "before" }],
  });
  const { status, body } = await follow(hostedInvoiceUrl);
  expect([status, body]).toEqual([503, { code: "PROVIDER_UNAVAILABLE", error: expect.any(String) }]);
  await setFaults(service, { reset: true });
  expect((await follow(hostedInvoiceUrl)).status).toBe(302);
});

test("any replica honours a link, under the address that PUBLIC_URL gives to browsers", async () => {
  const replica = await startReplica(service, { PUBLIC_URL: "https://api.example.com/payments/" });
  try {
    const { data } = await replica.ask(LINKS, {}, ada.token);
    const { hostedInvoiceUrl } = data.invoices.nodes[0];
    expect(hostedInvoiceUrl).toMatch(/^https:\/\/api\.example\.com\/payments\/invoices\//);
    expect(
      (await follow(hostedInvoiceUrl.replace("https://api.example.com/payments", service.url))).status,
    ).toBe(302);
  } finally {
    await replica.app.stop();
  }
});
