import type Stripe from "stripe";
import type { Metrics } from "../metrics.ts";
import { traced } from "../tracing.ts";
import { byDeadline } from "./call-scope.ts";
import { asTold, isMissing, outcomeOf } from "./errors.ts";

/**
 * How Stripe is called: measured, and within the deadline of whoever waits. Reads give null for what does not exist;
 * any call whose outcome is unknown throws ProviderUnavailable, a refused card PaymentDeclined, and Stripe's
 * other refusals pass as they are.
 */
export abstract class StripeCalls {
  constructor(
    protected readonly stripe: Stripe,
    protected readonly metrics: Metrics,
  ) {}

  protected async read<T>(operation: string, request: () => Promise<T>): Promise<T | null> {
    try {
      return await this.call(operation, request);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  protected call<T>(operation: string, request: () => Promise<T>): Promise<T> {
    return traced(`Stripe ${operation}`, { kind: "client" }, () => this.timed(operation, request));
  }

  private async timed<T>(operation: string, request: () => Promise<T>): Promise<T> {
    const done = this.metrics.stripeSeconds.startTimer({ operation });
    try {
      // what was posted and answered too late is found out by its intent
      const answer = await byDeadline(request());
      done({ outcome: "ok" });
      return answer;
    } catch (error) {
      done({ outcome: outcomeOf(error) });
      throw asTold(error);
    }
  }
}
