import fc from "fast-check";
import type { Payment } from "../../src/entities/payment.ts";
import { type PurchaseFacts, purchaseStanding } from "../../src/services/purchase-standing.ts";

const payment = (status: string) =>
  ({
    status,
    amountReceivedMinor: 4_900,
    hasSucceeded: ["SUCCEEDED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED"].includes(status),
  }) as Payment;
const NOTHING: PurchaseFacts = {
  ...{ intent: { state: "SUCCEEDED" }, session: null, invoice: null },
  ...{ payments: [], refunds: [], disputes: [], hasPayer: false, isCreditGone: false },
};
const invoice = (status: string, totalMinor = 4_900) => ({ invoice: { status, totalMinor } as never });
const refund = (amountMinor: number, access: "KEEP" | "REVOKE" | null = null, counts = true) => ({
  ...{ amountMinor, access, counts },
});
const ordered = { status: "PENDING", amountMinor: 4_900, withdrawnAt: null } as const;
const standing = (facts: Partial<PurchaseFacts>, purchase: object = ordered) =>
  purchaseStanding({ ...ordered, ...purchase }, { ...NOTHING, ...facts });

test.each<[string, Partial<PurchaseFacts>, object, string, boolean]>([
  ["nothing has happened at an open page", { session: { status: "open" } }, {}, "PENDING", false],
  ["its page was left", { session: { status: "expired" } }, {}, "EXPIRED", false],
  ["its page was completed and a bank works", { session: { status: "complete" } }, {}, "PENDING", false],
  [
    "its page was completed and the bank says no",
    { session: { status: "complete" }, payments: [payment("FAILED")] },
    ...([{}, "FAILED", false] as const),
  ],
  ["its change at Stripe was refused", { intent: { state: "FAILED" } }, {}, "FAILED", false],
  [
    "a card was refused while the change runs",
    { intent: { state: "PENDING" }, ...invoice("VOID"), payments: [payment("FAILED")] },
    ...([{}, "PENDING", false] as const),
  ],
  ["its invoice is void", invoice("VOID"), {}, "EXPIRED", false],
  [
    "its invoice is paid and the payment not known",
    { ...invoice("PAID"), hasPayer: true },
    {},
    "PENDING",
    false,
  ],
  ["a balance paid its invoice", invoice("PAID"), {}, "COMPLETED", true],
  ["an empty draft was finalised", invoice("PAID", 0), {}, "EXPIRED", false],
  ["it is paid", { payments: [payment("SUCCEEDED")] }, {}, "COMPLETED", true],
  [
    "it is paid after it was given up",
    { payments: [payment("SUCCEEDED")] },
    { status: "EXPIRED" },
    "COMPLETED",
    true,
  ],
  ["it costs nothing", { intent: null }, { amountMinor: 0 }, "COMPLETED", true],
  [
    "it costs nothing, and its credit is gone",
    { intent: null, isCreditGone: true },
    { amountMinor: 0 },
    "COMPLETED",
    false,
  ],
  ["staff have ended it", { intent: null }, { amountMinor: 0, withdrawnAt: new Date() }, "COMPLETED", false],
  [
    "part went back",
    { payments: [payment("PARTIALLY_REFUNDED")], refunds: [refund(100)] },
    {},
    "PARTIALLY_REFUNDED",
    true,
  ],
  ["all went back", { payments: [payment("REFUNDED")], refunds: [refund(4_900)] }, {}, "REFUNDED", false],
  [
    "all went back and it is kept",
    { payments: [payment("REFUNDED")], refunds: [refund(4_900, "KEEP")] },
    {},
    "REFUNDED",
    true,
  ],
  [
    "part went back and it is taken",
    { payments: [payment("PARTIALLY_REFUNDED")], refunds: [refund(100, "REVOKE")] },
    ...([{}, "PARTIALLY_REFUNDED", false] as const),
  ],
  [
    "kept at first, then the rest went back without a word",
    { payments: [payment("REFUNDED")], refunds: [refund(100, "KEEP"), refund(4_800)] },
    ...([{}, "REFUNDED", false] as const),
  ],
  [
    "a refund failed",
    { payments: [payment("SUCCEEDED")], refunds: [refund(4_900, null, false)] },
    {},
    "COMPLETED",
    true,
  ],
  [
    "a bank has the money",
    { payments: [payment("DISPUTED")], disputes: [{ counts: true, standing: "OPEN" }] },
    ...([{}, "DISPUTED", false] as const),
  ],
  [
    "the dispute was won",
    { payments: [payment("SUCCEEDED")], disputes: [{ counts: false, standing: "WON" }] },
    ...([{}, "COMPLETED", true] as const),
  ],
])("%s", (_case, facts, purchase, status, opens) => {
  expect(standing(facts, purchase)).toMatchObject({ status, opens });
});

test("whatever the facts: only money or a price of nothing opens it, and what opens it holds its slot", () => {
  const facts = fc.record({
    intent: fc.constantFrom(
      null,
      ...(["PENDING", "SUCCEEDED", "FAILED"] as const).map((state) => ({ state })),
    ),
    session: fc.constantFrom(
      null,
      ...(["open", "complete", "expired"] as const).map((status) => ({ status })),
    ),
    invoice: fc.constantFrom(
      null,
      ...["DRAFT", "OPEN", "PAID", "VOID"].map((status) => invoice(status).invoice),
    ),
    payments: fc.array(
      fc.constantFrom(
        ...["PENDING", "FAILED", "CANCELED", "PROCESSING", "SUCCEEDED", "REFUNDED"].map(payment),
      ),
      { maxLength: 3 },
    ),
    refunds: fc.array(
      fc.record({
        amountMinor: fc.nat({ max: 4_900 }),
        access: fc.constantFrom(null, "KEEP" as const, "REVOKE" as const),
        counts: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    disputes: fc.constantFrom(
      [],
      [{ counts: true, standing: "OPEN" as const }],
      [{ counts: false, standing: "WON" as const }],
    ),
    hasPayer: fc.boolean(),
    isCreditGone: fc.boolean(),
  });
  const before = fc.constantFrom("PENDING", "FAILED", "EXPIRED", "COMPLETED");
  fc.assert(
    fc.property(facts, before, fc.constantFrom(0, 4_900), (given, status, amountMinor) => {
      const found = standing(given as never, { status, amountMinor });
      const wasPaid = given.payments.some(({ hasSucceeded }) => hasSucceeded);
      const isPaidOtherwise =
        (given.invoice as { status: string } | null)?.status === "PAID" && !given.hasPayer;
      if (found.opens) {
        expect(wasPaid || amountMinor === 0 || isPaidOtherwise).toBe(true);
        expect(found.holdsSlot).toBe(true);
      }
      // asked again of what it says itself, it says the same
      const again = standing(given as never, { status: found.status, amountMinor });
      expect(again).toEqual(found);
      if (found.isToBeGivenUp) expect(found.holdsSlot).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
