import { LISTENED_EVENTS, subjectOf } from "../../src/webhooks/event-table.ts";
import { withoutIdentity } from "../../src/webhooks/identity.ts";

describe("the subject of a webhook", () => {
  const customerOf: Record<string, unknown> = {
    customer: "cus_1",
    id: "obj_1",
    payment_intent: "pi_1",
    invoice: "in_1",
    subscription: "sub_1",
  };

  test.each(LISTENED_EVENTS)("of %s is found in a plausible payload", (type) => {
    const subject = subjectOf(type, { object: customerOf });
    const [aggregate, id] = /^payment_method\./.test(type)
      ? ["customer", "cus_1"]
      : /^(charge|refund)\./.test(type)
        ? ["payment_intent", "pi_1"]
        : /^(invoice_payment|credit_note)\./.test(type)
          ? ["invoice", "in_1"]
          : /^subscription_schedule\./.test(type)
            ? ["subscription", "sub_1"]
            : [expect.any(String), "obj_1"];
    expect(subject).toMatchObject({ aggregate, id });
  });

  test.each([
    ["customer.subscription.updated", "subscription"],
    ["customer.updated", "customer"],
    ["checkout.session.completed", "checkout_session"],
    ["invoice.paid", "invoice"],
    ["payment_intent.succeeded", "payment_intent"],
  ])("of %s is a %s", (type, aggregate) => {
    expect(subjectOf(type, { object: { id: "obj_1" } })).toMatchObject({ aggregate, id: "obj_1" });
  });

  test("says whose it is, as far as the event does", () => {
    const customerOf = (type: string, object: object) => subjectOf(type, { object })?.customer;
    expect(customerOf("customer.updated", { id: "cus_1" })).toBe("cus_1");
    expect(customerOf("payment_method.attached", { id: "pm_1", customer: "cus_1" })).toBe("cus_1");
    expect(customerOf("invoice.paid", { id: "in_1", customer: "cus_1" })).toBe("cus_1");
    expect(customerOf("charge.updated", { payment_intent: "pi_1", customer: { id: "cus_1" } })).toBe("cus_1");
    expect(customerOf("refund.created", { payment_intent: "pi_1" })).toBeNull();
    expect(customerOf("invoice.paid", { id: "in_1", customer: 7 })).toBeNull();
  });

  test("is taken from expanded objects as from ids, and of a detached method from who had it before", () => {
    expect(subjectOf("charge.updated", { object: { payment_intent: { id: "pi_1" } } })?.id).toBe("pi_1");
    expect(
      subjectOf("payment_method.detached", {
        object: { customer: null },
        previous_attributes: { customer: "cus_1" },
      })?.id,
    ).toBe("cus_1");
  });

  test("is none for types that are not in the table, whatever they are called", () => {
    for (const type of [
      "balance.available",
      "v1.billing.meter.error",
      "",
      "constructor",
      "__proto__",
      "toString",
    ])
      expect(subjectOf(type, { object: { id: "x" } })).toBeNull();
  });

  test("is none, without a throw, for thin events and junk", () => {
    const junk: unknown[] = [
      ...[undefined, null, 0, "", "text", [], {}, { object: null }, { object: "sub_1" }, { object: 1 }],
      ...[
        { object: {} },
        { object: { id: null } },
        { object: { id: 5 } },
        { object: { id: { id: { id: "x" } } } },
      ],
      ...[{ object: { id: "x".repeat(256) } }, { object: [] }, { previous_attributes: { id: "x" } }],
      { object: { customer: [], payment_intent: {}, invoice: true } },
    ];
    for (const type of LISTENED_EVENTS)
      for (const data of junk) expect([type, data, subjectOf(type, data)]).toEqual([type, data, null]);
  });

  test.each(LISTENED_EVENTS)("of %s is still found in what is kept of the event", (type) => {
    for (const data of [
      { object: customerOf },
      { object: { ...customerOf, customer: { id: "cus_2", email: "ada@example.org" } } },
      { object: { id: "obj_1", customer: null }, previous_attributes: { customer: "cus_3" } },
    ])
      expect(subjectOf(type, JSON.parse(withoutIdentity({ id: "evt_1", type, data })).data)).toEqual(
        subjectOf(type, data),
      );
  });
});

test("of an event is kept what says which object changed, how and when, and nothing that could name a person", () => {
  const ada = { name: "Ada", value: "BE0123456789", text: { value: "Ada" } };
  const event = {
    ...{ id: "evt_1", type: "charge.dispute.updated", created: 1, livemode: false },
    request: { idempotency_key: "Ada" },
    related_object: { id: "dp_1", type: "dispute", url: "/Ada" },
    data: {
      object: {
        ...{ id: "dp_1", object: "dispute", status: "lost", amount: 100, customer: { id: "cus_1", ...ada } },
        evidence: { billing_address: "Ada", customer_communication: ada, uncategorized_text: "Ada" },
        payment_method_details: { paypal: { payer_email: "Ada", payer_name: "Ada", fingerprint: "Ada" } },
        ...{ customer_tax_ids: [ada], custom_fields: [ada], footer: "Ada", url: "https://pay.example/Ada" },
        ...{ account_holder_name: "Ada", metadata: ada, whatever_comes_next: "Ada" },
      },
      previous_attributes: { email: "Ada", customer: "cus_1", address: ada },
    },
  };
  expect(JSON.parse(withoutIdentity(event))).toEqual({
    ...{ id: "evt_1", type: "charge.dispute.updated", created: 1, livemode: false },
    related_object: { id: "dp_1", type: "dispute" },
    data: {
      object: { id: "dp_1", object: "dispute", status: "lost", amount: 100, customer: "cus_1" },
      previous_attributes: { email: null, customer: "cus_1", address: null },
    },
  });
});
