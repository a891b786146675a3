// As little as a server of live subscriptions can be: graphql-ws and ioredis, one connection that listens to the users'
// channels. What is published is what is sent: nothing is read, nothing is missed only as long as nothing goes wrong.
import { createServer } from "node:http";
import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { Redis } from "ioredis";
import { WebSocketServer } from "ws";
import { callerOf } from "./caller.mjs";

const redis = new Redis(process.env.REDIS_URL);
const listeners = new Map();
redis.on("message", (channel, text) => {
  const event = JSON.parse(text);
  for (const heard of listeners.get(channel) ?? []) heard(event);
});

async function* eventsOf(userId) {
  const channel = `payment:{${userId}}:events`;
  const waiting = [];
  let wake = () => {};
  const heard = (event) => {
    waiting.push(event);
    wake();
  };
  const all = listeners.get(channel) ?? new Set();
  listeners.set(channel, all.add(heard));
  try {
    if (all.size === 1) await redis.subscribe(channel);
    for (;;) {
      while (waiting.length > 0) yield { paymentEvents: waiting.shift() };
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    all.delete(heard);
  }
}

const schema = buildSchema(`
  type PaymentEvent { id: ID! type: String! }
  type Query { nothing: ID }
  type Subscription { paymentEvents: PaymentEvent! }`);
schema.getSubscriptionType().getFields().paymentEvents.subscribe = (_root, _args, { caller }) => {
  if (!caller) throw new Error("Sign in first.");
  return eventsOf(caller.id);
};

const server = createServer();
useServer(
  {
    schema,
    context: async ({ connectionParams }) => ({ caller: await callerOf(connectionParams?.token) }),
  },
  new WebSocketServer({ server, path: "/graphql" }),
);
server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
