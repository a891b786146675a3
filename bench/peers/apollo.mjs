// Apollo Server, stand-alone. https://www.apollographql.com/docs/apollo-server/using-federation/apollo-subgraph-setup
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginInlineTraceDisabled } from "@apollo/server/plugin/disabled";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { contextOf, resolvers, typeDefs } from "./schema.mjs";

const server = new ApolloServer({
  schema: buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers }]),
  introspection: false,
  plugins: [ApolloServerPluginInlineTraceDisabled()],
});
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: "127.0.0.1" },
  context: ({ req }) => contextOf(req.headers.authorization),
});
console.log(`ready ${new URL(url).port}`);
