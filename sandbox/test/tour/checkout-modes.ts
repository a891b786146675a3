import type { TestSandbox } from "../support/sandbox.ts";

/** Checkout in its other modes: paid once, with a discount and an invoice; set up for later; delayed. */
export async function checkoutModes(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const { sessions } = stripe.checkout;
  const coupon = await stripe.coupons.create({ percent_off: 10, duration: "once" });
  const mug = {
    quantity: 2,
    price_data: { currency: "usd", unit_amount: 1500, product_data: { name: "Mug" } },
    adjustable_quantity: { enabled: true, maximum: 5 },
  };
  const success_url = "http://shop.test/done";
  const once = await sessions.create({
    mode: "payment",
    line_items: [mug],
    success_url,
    discounts: [{ coupon: coupon.id }],
    customer_email: "once@example.com",
    custom_text: { submit: { message: "Thank you" } },
    after_expiration: { recovery: { enabled: true } },
    payment_intent_data: { setup_future_usage: "off_session", metadata: { order: "1" } },
    invoice_creation: { enabled: true, invoice_data: { metadata: { order: "1" } } },
  });
  await sessions.update(once.id, { line_items: [{ ...mug, quantity: 1 }] });
  await box.complete(once.id, "pm_card_visa");
  await sessions.retrieve(once.id, { expand: ["payment_intent", "invoice.payments", "line_items"] });
  const delayed = await sessions.create({ mode: "payment", line_items: [mug], success_url });
  await box.complete(delayed.id, "pm_usBankAccount_success");
  await box.advance({ seconds: 10 });
  const setup = await sessions.create({ mode: "setup", currency: "eur", success_url });
  await box.complete(setup.id, "pm_card_visa");
  await sessions.retrieve(setup.id, { expand: ["setup_intent.payment_method"] });
  const left = await sessions.create({
    mode: "payment",
    line_items: [mug],
    success_url,
    after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } },
  });
  await sessions.expire(left.id);
}
