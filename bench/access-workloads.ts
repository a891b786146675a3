import { signToken } from "../src/auth/token.ts";
import type { Config } from "../src/config.ts";
import { courseId, type Filled, userId } from "./access-data.ts";

export type Route = "/subscriptions" | "/viewerAccess" | "/accessTo" | "/plans";

/** A question: as GraphQL, and by a route of its own for the one that speaks none. */
export interface Question {
  route: Route;
  body: string;
  token?: string;
}

export interface Workload {
  name: string;
  questions: Question[];
  /** Whether it may be about the same users again and again: they are known, or nobody keeps what is said of them. */
  isWarm: boolean;
}

const QUERIES: Record<Route, string> = {
  "/subscriptions": `query ($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on User { subscription { id status plan { name } } } } }`,
  "/viewerAccess": `query ($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Course { viewerAccess { granted source expiresAt } } } }`,
  "/accessTo": `query ($userId: ID!, $resourceType: PurchasableType!, $resourceId: ID!) {
    accessTo(userId: $userId, resourceType: $resourceType, resourceId: $resourceId) { granted source expiresAt } }`,
  "/plans": `query { plans { id name tier description interval trialDays isActive
    features { key name limit } price { amount currency } monthlyPrice { amount currency } } }`,
};

/** How many users are asked about when the answers can be known already. */
const FEW = 50;
const USERS_A_LIST = 100;
const COURSES_A_PAGE = 50;
const PAGES = 40;
/** Coprime to the number of users, or nearly: the users that follow each other lie far apart. */
const STRIDE = 7_919;

const many = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));

/** All that is measured. Cold ones go from user to user, warm ones come back to the same few. */
export async function workloads(jwt: Config["jwt"], filled: Filled): Promise<Workload[]> {
  const { users, courses } = filled;
  const user = (n: number) => userId(1 + ((n * STRIDE) % users));
  const question = (route: Route, variables: object, token?: string): Question => ({
    ...{ route, body: JSON.stringify({ query: QUERIES[route], variables }), ...(token && { token }) },
  });
  const service = await signToken(jwt, { sub: "catalogue", roles: ["service"] });
  const entities = (type: string, ids: string[]) => ({
    representations: ids.map((id) => ({ __typename: type, id })),
  });
  const pages = many(PAGES, (page) => {
    const ids = many(COURSES_A_PAGE, (n) => courseId(1 + ((page * COURSES_A_PAGE + n) % courses)));
    return question("/viewerAccess", entities("Course", ids)).body;
  });
  const viewers = async (count: number) =>
    Promise.all(
      many(count, async (n): Promise<Question> => {
        const token = await signToken(jwt, { sub: user(n) });
        return { route: "/viewerAccess", body: pages[n % PAGES] as string, token };
      }),
    );
  const single = (count: number) =>
    many(count, (n) => {
      const resourceId = courseId(1 + ((n * 13) % courses));
      return question("/accessTo", { userId: user(n), resourceType: "COURSE", resourceId }, service);
    });
  const lists = many(Math.min(2_000, Math.ceil(users / USERS_A_LIST)), (list) =>
    question(
      "/subscriptions",
      entities(
        "User",
        many(USERS_A_LIST, (n) => user(list * USERS_A_LIST + n)),
      ),
      service,
    ),
  );
  const plans = [question("/plans", {})];
  const [coldViewers, warmViewers] = [await viewers(Math.min(40_000, users)), await viewers(FEW)];
  const warmSingle = single(FEW);
  return [
    { name: "100 users' subscriptions", questions: lists, isWarm: true },
    { name: "a viewer's 50 courses, cold", questions: coldViewers, isWarm: false },
    { name: "a viewer's 50 courses, warm", questions: warmViewers, isWarm: true },
    { name: "one accessTo, cold", questions: single(Math.min(150_000, users)), isWarm: false },
    { name: "one accessTo, warm", questions: warmSingle, isWarm: true },
    { name: "plans", questions: plans, isWarm: true },
    { name: "a mix, warm", questions: mixed(warmViewers, warmSingle, lists, plans), isWarm: true },
  ];
}

/** Of ten questions four are single, three are pages of courses, two lists of users and one the plans. */
function mixed(...[viewers, single, lists, plans]: Question[][]): Question[] {
  const turn = [single, viewers, lists, single, viewers, single, plans, viewers, single, lists];
  return many(1_000, (n) => {
    const questions = turn[n % turn.length] as Question[];
    return questions[Math.floor(n / turn.length) % questions.length] as Question;
  });
}
