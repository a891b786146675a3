import { poolOf } from "../../src/database.ts";
import { Worker } from "../../src/jobs/worker.ts";
import { withLogScope } from "../../src/logger.ts";
import { whileSomebodyWaits } from "../../src/stripe/call-scope.ts";
import { recordLogs } from "../support/logs.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { setFaults } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

const { logger, lines } = recordLogs("warn");
let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false, overrides: { logger } });
});
afterAll(() => service.stop());

test("a job is nobody's request, whoever's connection it was woken by: neither its deadline nor its ids", async () => {
  const { orm, workers, outage, metrics } = service.app.parts;
  // as when a connection that was made for a request brings the word of a job
  const worker = whileSomebodyWaits(() =>
    withLogScope({ requestId: "somebody's" }, () => {
      const started = new Worker(() => poolOf(orm), workers, logger, outage);
      started.start();
      return started;
    }),
  );
  try {
    await setFaults(service, { calls: [{ method: "GET", path: "/v1/customers/cus_1", status: 400 }] });
    await deliver(service, JSON.stringify(eventOf("customer.updated", { id: "cus_1" })));
    const [line] = await eventually(
      () => lines.filter(({ msg }) => msg === "an event could not be worked on"),
      (found) => found.length > 0,
    );
    expect(line?.requestId).toBeUndefined();
    const waits = (await metrics.stripeBudgetWait.get()).values;
    expect(new Set(waits.map(({ labels }) => labels.urgency))).toEqual(new Set(["job"]));
  } finally {
    await worker.stop();
  }
});
