// Serves a supergraph with Hive Gateway, the caller's token handed on; live subscriptions go to the payment service by
// WebSocket, and to clients as server-sent events. In: the SDL on stdin. Out: its address.
import { once } from "node:events";
import { createServer } from "node:http";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import http from "@graphql-mesh/transport-http";
import ws from "@graphql-mesh/transport-ws";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);

const gateway = createGatewayRuntime({
  supergraph: Buffer.concat(chunks).toString(),
  logging: false,
  transports: { http, ws },
  transportEntries: {
    payments: {
      options: {
        subscriptions: {
          kind: "ws",
          options: { connectionParams: { token: "{context.headers.authorization}" } },
        },
      },
    },
  },
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => {
      const authorization = request.headers.get("authorization");
      return authorization ? { authorization } : {};
    },
  },
});
const server = createServer(gateway);
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}`);
