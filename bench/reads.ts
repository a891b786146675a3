// What reading alone costs: the requests to Stripe that a payment's events ask for, and nothing else. Run by flood.ts.
import { readFileSync } from "node:fs";
import { Metrics } from "../src/metrics.ts";
import { StripeGateway, stripeClient } from "../src/stripe/gateway.ts";

/** The objects that one payment's events tell of. */
export interface PaidObjects {
  customer: string;
  session: string;
  subscription: string;
  invoice: string;
  payment: string;
}

/** As many as the service has jobs. */
const CONCURRENCY = 10;

async function main(apiBase: string, payments: PaidObjects[]): Promise<void> {
  const stripe = new StripeGateway(stripeClient({ secretKey: "sk_test_suite", apiBase }), new Metrics());
  let next = 0;
  const reader = async () => {
    for (let at = next++; at < payments.length; at = next++) {
      const { customer, session, subscription, invoice, payment } = payments[at] as PaidObjects;
      await Promise.all([
        stripe.customer(customer).then(() => stripe.paymentMethods(customer)),
        stripe.checkoutSession(session),
        stripe.subscription(subscription),
        stripe.invoice(invoice),
        stripe.charges(payment),
        stripe.invoicePayments(payment),
      ]);
    }
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, reader));
  const { user, system } = process.cpuUsage(cpu);
  const figures = { seconds: (performance.now() - began) / 1_000, cpuSeconds: (user + system) / 1e6 };
  console.log(JSON.stringify(figures));
}

const [apiBase = "", file = ""] = process.argv.slice(2);
await main(apiBase, JSON.parse(readFileSync(file, "utf8")) as PaidObjects[]);
