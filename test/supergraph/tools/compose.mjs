// Composes subgraphs with both composers. In: JSON on stdin, `[{ name, url, sdl }]`. Out: JSON, what each came to.
import { composeServices as composeApollo } from "@apollo/composition";
import { composeServices as composeGuild, composeSchemaContract } from "@theguild/federation-composition";
import { parse } from "graphql";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const services = JSON.parse(Buffer.concat(chunks).toString()).map(({ sdl, ...service }) => ({
  ...service,
  typeDefs: parse(sdl),
}));

const outcome = ({ errors, supergraphSdl = null, publicSdl = null }) => ({
  errors: errors?.map(({ message }) => message) ?? [],
  ...{ supergraphSdl, publicSdl },
});
process.stdout.write(
  JSON.stringify({
    apollo: outcome(composeApollo(services)),
    guild: outcome(composeGuild(services)),
    contract: outcome(
      composeSchemaContract(services, { include: new Set(), exclude: new Set(["internal"]) }, true),
    ),
  }),
);
