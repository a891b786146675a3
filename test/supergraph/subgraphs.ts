import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { type GraphQLSchema, graphql, parse } from "graphql";

/** A team's subgraph beside ours, as small as it can be. */
export interface Neighbour {
  name: string;
  url: string;
  sdl: string;
  stop(): void;
}

const SHARED = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  "RFC 3339 instant, always UTC."
  scalar DateTime
  type PageInfo @shareable {
    hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
  }`;

const USERS = `${SHARED}
  type User @key(fields: "id") { id: ID! name: String! joinedAt: DateTime! }
  type UserEdge { cursor: String! node: User! }
  type UserConnection { edges: [UserEdge!]! pageInfo: PageInfo! }
  type Query { users(ids: [ID!]!): [User]! everybody(first: Int! = 20): UserConnection! }`;

const COURSES = `${SHARED}
  type Course @key(fields: "id") { id: ID! title: String! publishedAt: DateTime }
  type LearningPath @key(fields: "id") { id: ID! title: String! courses: [Course!]! }
  type CourseEdge { cursor: String! node: Course! }
  type CourseConnection { edges: [CourseEdge!]! pageInfo: PageInfo! }
  type Query { courses(ids: [ID!]!): [Course]! allCourses(first: Int! = 20): CourseConnection! }`;

/** Users whose account is gone: the team that has them says null. */
export const isDeleted = (id: string) => id.endsWith("-deleted");

const user = (id: string) =>
  isDeleted(id) ? null : { id, name: `Name of ${id}`, joinedAt: "2026-01-01T00:00:00Z" };
const course = (id: string) => ({ id, title: `Title of ${id}`, publishedAt: null });

/** The teams that have users, and courses. */
export async function startNeighbours(): Promise<Neighbour[]> {
  return [
    await serve("users", USERS, {
      User: { __resolveReference: ({ id }: { id: string }) => user(id) },
      Query: { users: (_: unknown, { ids }: { ids: string[] }) => ids.map(user) },
    }),
    await serve("courses", COURSES, {
      Course: { __resolveReference: ({ id }: { id: string }) => course(id) },
      LearningPath: {
        __resolveReference: ({ id }: { id: string }) => ({ id, title: `Title of ${id}`, courses: [] }),
      },
      Query: { courses: (_: unknown, { ids }: { ids: string[] }) => ids.map(course) },
    }),
  ];
}

async function serve(name: string, sdl: string, resolvers: object): Promise<Neighbour> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers: resolvers as never }]);
  const server = createServer((request, response) => {
    void answer(schema, request).then((body) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(body));
    });
  });
  return { name, sdl, url: `${await listen(server)}/graphql`, stop: () => void server.close() };
}

async function answer(schema: GraphQLSchema, request: AsyncIterable<Buffer>) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { query: source, variables: variableValues } = JSON.parse(Buffer.concat(chunks).toString());
  return graphql({ schema, source, variableValues });
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
