import { newLearner } from "../support/learner.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

let service: TestService;
let admin: string;
beforeAll(async () => {
  service = await startService();
  admin = await service.token(newUser(), "admin");
});
afterAll(() => service.stop());

const REFUND =
  "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { amount { amount } amountRefunded { amount } } }";
const refund = (input: { paymentId: string; amount: number }) => service.ask(REFUND, { input }, admin);

test("yen go back one by one, and dinars in tens of fils, and both are told of as people write them", async () => {
  const ada = await newLearner(service);
  await ada.subscribe();
  const stripe = stripeOf(service);
  const customer = String((await ada.remote()).customer);
  const pay = async (amount: number, currency: string) => {
    const { id } = await stripe.paymentIntents.create({
      ...{ customer, amount, currency, payment_method: "pm_card_visa", confirm: true },
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    await service.app.parts.sync.payment(id);
    const { data } = await ada.ask("{ payments { nodes { id amount { amount currency } } } }");
    return data.payments.nodes.find(
      (node: { amount: { currency: string } }) => node.amount.currency === currency.toUpperCase(),
    ).id as string;
  };
  const yen = await pay(500, "jpy");
  expect((await refund({ paymentId: yen, amount: 1 })).data.refundPayment).toMatchObject({
    ...{ amount: { amount: 500 }, amountRefunded: { amount: 1 } },
  });
  const refused = await refund({ paymentId: yen, amount: 500 });
  expect(refused.errors?.[0]?.message).toContain("499 JPY");
  const dinars = await pay(1_500, "kwd");
  const odd = await refund({ paymentId: dinars, amount: 15 });
  expect(odd.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "input.amount" });
  expect((await refund({ paymentId: dinars, amount: 1_510 })).errors?.[0]?.message).toContain("1.500 KWD");
  expect((await refund({ paymentId: dinars, amount: 10 })).data.refundPayment.amountRefunded.amount).toBe(10);
});
