// Mercurius, with each operation compiled after its first call. https://mercurius.dev
import { mercuriusFederationPlugin } from "@mercuriusjs/federation";
import Fastify from "fastify";
import { contextOf, resolvers, typeDefs } from "./schema.mjs";

const app = Fastify();
app.register(mercuriusFederationPlugin, {
  ...{ schema: typeDefs, resolvers, jit: 1 },
  context: (request) => contextOf(request.headers.authorization),
});
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(`ready ${app.server.address().port}`);
