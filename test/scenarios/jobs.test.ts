import { jest } from "@jest/globals";
import { whileSomebodyWaits } from "../../src/stripe/call-scope.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" } });
});
afterAll(() => service.stop());

// The connection on which a worker hears of new jobs may be one that a request has opened: Node then runs whatever
// that connection wakes as if it were a part of the request, for as long as the connection lives.
test("a job that a request's connection wakes calls Stripe long after the request has been answered", async () => {
  const longAgo = Date.now() - 60_000;
  const clock = jest.spyOn(Date, "now").mockReturnValue(longAgo);
  const { started } = whileSomebodyWaits(() => {
    clock.mockRestore();
    return { started: startReplica(service, { WORKER: "on" }) };
  });
  const replica = await started;
  try {
    const token = await service.token(newUser());
    const { data } = await openCheckout(service, token);
    await service.pay(data.createCheckoutSession.id);
    await eventually(
      () => service.ask(STATUS, {}, token),
      (answer) => answer.data.subscriptionStatus?.grantsAccess,
    );
  } finally {
    await replica.app.stop();
  }
});
