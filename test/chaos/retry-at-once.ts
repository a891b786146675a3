/** Stripe's client waits half a second and more before it asks again; a history has no time for that. */
export function retryAtOnce({ prototype }: { prototype: object }): void {
  const client = prototype as Record<string, () => number>;
  client.getInitialNetworkRetryDelay = () => 0.01;
  client.getMaxNetworkRetryDelay = () => 0.02;
}
