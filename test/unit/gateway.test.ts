import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import { sandboxClock } from "../../src/clock.ts";
import { PaymentDeclined, ProviderUnavailable } from "../../src/errors.ts";
import { createLogger } from "../../src/logger.ts";
import { Metrics } from "../../src/metrics.ts";
import { outcomeOf } from "../../src/stripe/errors.ts";
import { StripeGateway, stripeClient } from "../../src/stripe/gateway.ts";
import { isSignedByStripe } from "../../src/stripe/signature.ts";
import { eventually } from "../support/service.ts";

type Answer = (response: ServerResponse, url: string) => void;
let answer: Answer;
let seen: { method: string; url: string; key: string | undefined }[] = [];
let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      seen.push({
        ...{ method: request.method ?? "", url: request.url ?? "" },
        key: request.headers["idempotency-key"] as string | undefined,
      });
      answer(response, request.url ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = (status: number, body: object): Answer => {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", "stripe-should-retry": "false" });
    response.end(JSON.stringify(body));
  };
};
const failure = (status: number, type: string, code?: string) =>
  json(status, { error: { type, code, message: code } });

function gateway(timeoutMs?: number): StripeGateway {
  const config = { secretKey: "sk_test_a", webhookSecrets: [], apiBase: base, livemode: false };
  const client = timeoutMs
    ? new Stripe("sk_test_a", {
        ...{ host: "127.0.0.1", port: new URL(base).port, protocol: "http" as const },
        ...{ timeout: timeoutMs, maxNetworkRetries: 0 },
      })
    : stripeClient(config);
  return new StripeGateway(client, new Metrics());
}

describe("a change at Stripe", () => {
  const create = (timeoutMs?: number) => gateway(timeoutMs).createCustomer({}, "key-1");

  test.each([
    [
      "a parameter that is wrong",
      failure(400, "invalid_request_error", "parameter_invalid_empty"),
      "refused",
    ],
    ["an object that is not there", failure(404, "invalid_request_error", "resource_missing"), "refused"],
    [
      "a key used with other parameters",
      failure(400, "idempotency_error", "idempotency_key_in_use"),
      "refused",
    ],
  ] as const)("that ends with %s passes Stripe's own error on, as %s", async (_name, given, outcome) => {
    answer = given;
    const error = await create().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Stripe.errors.StripeError);
    expect(outcomeOf(error)).toBe(outcome);
  });

  test.each([
    ["insufficient_funds", "insufficient_funds", "Your card has insufficient funds."],
    // what whoever holds the card is not to be told
    ["stolen_card", "generic_decline", "Your bank declined the payment."],
    [undefined, "card_declined", "Your bank declined the payment."],
    ["a_code_of_next_year", "a_code_of_next_year", "Your bank declined the payment."],
  ])("that ends with a card declined as %s says so in our words", async (decline_code, shown, sentence) => {
    const error = { type: "card_error", code: "card_declined", decline_code, message: "sk_live_secret" };
    answer = json(402, { error });
    const caught = await create().catch((thrown: unknown) => thrown);
    expect(caught).toBeInstanceOf(PaymentDeclined);
    expect(caught).toMatchObject({
      ...{ code: "PAYMENT_DECLINED", status: 402, details: { declineCode: shown } },
      cause: { type: "StripeCardError" },
    });
    expect(String(caught)).toContain(sentence);
    expect(String(caught)).not.toContain("secret");
    expect(outcomeOf(caught)).toBe("declined");
  });

  test.each([
    ["too many calls", failure(429, "invalid_request_error", "rate_limit")],
    ["a lock held by another call", failure(429, "invalid_request_error", "lock_timeout")],
    ["a fault of Stripe's", failure(500, "api_error")],
    [
      "a gateway in between",
      (response: ServerResponse) => void response.writeHead(503).end("<html>busy</html>"),
    ],
    ["a connection cut before the answer", (response: ServerResponse) => void response.socket?.destroy()],
    [
      "a connection cut within the answer",
      (response: ServerResponse) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
        response.write('{"id":', () => response.socket?.destroy());
      },
    ],
  ] as [string, Answer][])("that ends with %s has an unknown outcome", async (_name, given) => {
    answer = given;
    const error = await create().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ProviderUnavailable);
    expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE", details: { retryable: true } });
  });

  test("that is never answered has an unknown outcome", async () => {
    answer = () => {};
    await expect(create(50)).rejects.toBeInstanceOf(ProviderUnavailable);
  });

  test("is posted again under the same idempotency key when the connection was cut", async () => {
    let calls = 0;
    answer = (response, url) =>
      calls++ === 0
        ? void response.socket?.destroy()
        : json(200, { id: "cus_1", object: "customer" })(response, url);
    expect((await create()).id).toBe("cus_1");
    expect(seen.map(({ key }) => key)).toEqual(["key-1", "key-1"]);
  });
});

test("the idempotency key of a call that another one still holds is not known to have failed", async () => {
  // https://docs.stripe.com/error-low-level: 409 while a request with the same key is in progress
  answer = failure(409, "idempotency_error", "idempotency_key_in_use");
  await expect(gateway().createCustomer({}, "key-1")).rejects.toBeInstanceOf(ProviderUnavailable);
});

describe("a read from Stripe", () => {
  test("of what does not exist is null", async () => {
    answer = failure(404, "invalid_request_error", "resource_missing");
    expect(await gateway().subscription("sub_1")).toBeNull();
  });

  test("that fails otherwise never looks like an absence", async () => {
    answer = failure(500, "api_error");
    await expect(gateway().subscription("sub_1")).rejects.toBeInstanceOf(ProviderUnavailable);
    answer = failure(401, "invalid_request_error");
    await expect(gateway().subscription("sub_1")).rejects.toThrow();
    answer = failure(404, "invalid_request_error", "url_invalid");
    await expect(gateway().subscription("sub_1")).rejects.toThrow();
  });

  test("follows all pages, and gives charges oldest first", async () => {
    answer = (response, url) => {
      const isFirst = !url.includes("starting_after");
      const data = isFirst ? [{ id: "ch_3" }, { id: "ch_2" }] : [{ id: "ch_1" }];
      json(200, { object: "list", data, has_more: isFirst, url: "/v1/charges" })(response, url);
    };
    expect((await gateway().charges("pi_1")).map(({ id }) => id)).toEqual(["ch_1", "ch_2", "ch_3"]);
    expect(seen).toHaveLength(2);
  });
});

describe("a webhook's signature", () => {
  const body = '{"id":"evt_1","type":"invoice.paid"}';
  const sign = (secret: string, secondsAgo = 0) =>
    new Stripe("sk_test_a").webhooks.generateTestHeaderString({
      ...{ payload: body, secret, timestamp: Math.floor(Date.now() / 1000) - secondsAgo },
    });
  const isSigned = (header: string, text = body) =>
    isSignedByStripe(Buffer.from(text), header, ["whsec_new", "whsec_old"]);

  test("is good under any of our secrets", () => {
    expect([isSigned(sign("whsec_new")), isSigned(sign("whsec_old"))]).toEqual([true, true]);
  });

  test("is no good when it is another's, stale, of another body, or not there", () => {
    expect([
      ...[
        isSigned(sign("whsec_other")),
        isSigned(sign("whsec_new", 301)),
        isSigned(sign("whsec_new"), `${body} `),
      ],
      ...[isSigned(""), isSigned("t=1"), isSigned("v1=abc"), isSigned("t=x,v1=y"), isSigned("junk")],
      isSignedByStripe(Buffer.from(body), sign(""), []),
    ]).toEqual(Array(9).fill(false));
  });
});

describe("the sandbox's clock", () => {
  const logger = createLogger("silent");

  test("is real time moved by the sandbox's offset, and follows when that changes", async () => {
    let changed: () => void = () => {};
    answer = (response, url) => {
      if (!url.includes("changed_from")) json(200, { offsetSeconds: 3_600 })(response, url);
      else changed = () => json(200, { offsetSeconds: 90_000 })(response, url);
    };
    const clock = await sandboxClock(base, logger);
    const aheadHours = () => Math.round((clock.now().getTime() - Date.now()) / 3_600_000);
    expect(aheadHours()).toBe(1);
    await eventually(
      () => seen.at(-1)?.url,
      (url) => url === "/sandbox/time?changed_from=3600",
    );
    changed();
    await eventually(aheadHours, (hours) => hours === 25);
    clock.stop();
  });

  test("keeps the last offset while the sandbox cannot be reached, and goes on when it can", async () => {
    let state: "first" | "away" | "back" = "first";
    let polls = 0;
    answer = (response, url) => {
      if (state === "away") {
        polls += 1;
        response.socket?.destroy();
      } else if (state === "first" && url.includes("changed_from")) response.socket?.destroy();
      else json(200, { offsetSeconds: state === "first" ? 7_200 : 10_800 })(response, url);
    };
    const clock = await sandboxClock(base, logger);
    state = "away";
    const aheadHours = () => Math.round((clock.now().getTime() - Date.now()) / 3_600_000);
    await eventually(
      () => polls,
      (count) => count >= 2,
    );
    expect(aheadHours()).toBe(2);
    state = "back";
    await eventually(aheadHours, (hours) => hours === 3);
    clock.stop();
  });

  test("stops the start when there is no sandbox", async () => {
    answer = json(404, {});
    await expect(sandboxClock(base, logger)).rejects.toThrow("/sandbox/time answered 404");
  });
});
