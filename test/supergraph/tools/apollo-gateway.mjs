// Serves a supergraph with @apollo/gateway, the caller's token handed on. In: the SDL on stdin. Out: its address.
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);

class TokenForwarding extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) request.http.headers.set("authorization", context.authorization);
  }
}
const gateway = new ApolloGateway({
  supergraphSdl: Buffer.concat(chunks).toString(),
  buildService: ({ url }) => new TokenForwarding({ url }),
  logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
});
const { url } = await startStandaloneServer(new ApolloServer({ gateway }), {
  listen: { host: "127.0.0.1", port: 0 },
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
});
console.log(new URL(url).origin);
