import { type Client, createClient } from "graphql-ws";

/** The service answered with an error, or not at all. */
export class DemoFailed extends Error {}

/** A learner's browser, as far as the story needs one: queries over HTTP, live updates over WebSocket. */
export class DemoClient {
  private readonly endpoint: string;
  private readonly live: Client;

  constructor(
    serviceUrl: string,
    private readonly token: string,
  ) {
    this.endpoint = new URL("/graphql", serviceUrl).href;
    this.live = createClient({
      url: this.endpoint.replace(/^http/, "ws"),
      connectionParams: { token },
      retryAttempts: 0,
    });
  }

  /** The operation's data. @throws DemoFailed with what the service said. */
  async ask<T>(query: string, variables: object = {}): Promise<T> {
    const answer = await post(this.endpoint, { authorization: `Bearer ${this.token}` }, { query, variables });
    const { data, errors } = (await answer.json()) as { data?: T; errors?: { message: string }[] };
    if (errors?.length || !data) throw new DemoFailed(errors?.[0]?.message ?? `no data (${answer.status})`);
    return data;
  }

  /** The values of a subscription, one at each call of `next`. */
  subscribe<T>(query: string): LiveValues<T> {
    return new LiveValues<T>(this.live.iterate<T>({ query }));
  }

  async close(): Promise<void> {
    await this.live.dispose();
  }
}

/** A live subscription, read one value at a time. */
export class LiveValues<T> {
  constructor(
    private readonly values: AsyncIterableIterator<{
      data?: T | null;
      errors?: readonly { message: string }[];
    }>,
  ) {}

  /** The next value for which `fits` holds. @throws DemoFailed when none comes in time. */
  async next(fits: (value: T) => boolean, timeoutMs = 10_000): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new DemoFailed(`no live update in ${timeoutMs / 1000} s`);
      timer = setTimeout(() => reject(error), timeoutMs);
    });
    try {
      return await Promise.race([late, this.find(fits)]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async find(fits: (value: T) => boolean): Promise<T> {
    for (;;) {
      const { value, done } = await this.values.next();
      if (done) throw new DemoFailed("the live subscription ended");
      if (value.errors?.[0]) throw new DemoFailed(value.errors[0].message);
      if (value.data && fits(value.data)) return value.data;
    }
  }
}

/** Pays a session of the sandbox as its page would; the decline's code when the card is refused. */
export async function payAtSandbox(
  sandboxUrl: string,
  session: string,
  card: string,
): Promise<{ paid: boolean; declineCode?: string }> {
  const url = new URL(`/sandbox/checkout/sessions/${session}/complete`, sandboxUrl).href;
  const answer = await post(url, {}, { payment_method: card });
  const body = (await answer.json()) as {
    error?: { code?: string; decline_code?: string; message?: string };
  };
  if (answer.ok) return { paid: true };
  if (answer.status !== 402)
    throw new DemoFailed(`the sandbox said ${answer.status}: ${body.error?.message}`);
  return { paid: false, declineCode: body.error?.decline_code ?? body.error?.code ?? "declined" };
}

async function post(url: string, headers: Record<string, string>, body: object): Promise<Response> {
  try {
    return await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    throw new DemoFailed(`nothing answers at ${new URL(url).origin}`);
  }
}
