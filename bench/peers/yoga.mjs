// GraphQL Yoga as its documentation has it for a subgraph. https://the-guild.dev/graphql/yoga-server/docs/features/apollo-federation
import { createServer } from "node:http";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { createYoga } from "graphql-yoga";
import { contextOf, resolvers, typeDefs } from "./schema.mjs";

const yoga = createYoga({
  schema: buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers }]),
  context: ({ request }) => contextOf(request.headers.get("authorization")),
  ...{ logging: false, graphiql: false, landingPage: false },
});
const server = createServer(yoga);
server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
