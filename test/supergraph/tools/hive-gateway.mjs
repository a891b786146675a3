// Serves a supergraph with Hive Gateway, the caller's token handed on; live subscriptions go to the payment service by
// WebSocket, or, given a port and the router's secret, are posted back to that port; and to clients as server-sent events.
// In: the SDL on stdin. Out: its address.
import { once } from "node:events";
import { createServer } from "node:http";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import { MemPubSub } from "@graphql-hive/pubsub";
import http from "@graphql-mesh/transport-http";
import callback from "@graphql-mesh/transport-http-callback";
import ws from "@graphql-mesh/transport-ws";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);

const [port, secret] = process.argv.slice(2);
const bySocket = {
  kind: "ws",
  options: { connectionParams: { token: "{context.headers.authorization}" } },
};
const byCallback = {
  kind: "http-callback",
  headers: [["router-secret", secret]],
  options: { public_url: `http://127.0.0.1:${port}/callback`, path: "/callback" },
};
const gateway = createGatewayRuntime({
  supergraph: Buffer.concat(chunks).toString(),
  logging: false,
  transports: { http, ws, "http-callback": callback },
  transportEntries: { payments: { options: { subscriptions: port ? byCallback : bySocket } } },
  ...(port && { pubsub: new MemPubSub(), webhooks: true }),
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => {
      const authorization = request.headers.get("authorization");
      return authorization ? { authorization } : {};
    },
  },
});
const server = createServer(gateway);
server.listen(Number(port ?? 0), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}`);
