import { Client } from "pg";
import { type Filled, fill } from "../../bench/access-data.ts";
import { type Question, workloads } from "../../bench/access-workloads.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { type Answer, eventually, startService, type TestService } from "../support/service.ts";

const AT_ONCE = 16;
const GRANTS = 2_500;

let service: TestService;
let gate: Gate;
let mix: Question[];
/** What each question is answered with while nothing is amiss. */
const truth = new Map<Question, Answer>();

beforeAll(async () => {
  gate = await openGate(Number(new URL(process.env.TEST_DATABASE_ADMIN_URL as string).port));
  service = await startService({ throughGate: gate.port, webhooks: false, env: { WORKER: "off" } });
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  const filled: Filled = await fill(client, GRANTS);
  await client.end();
  mix = (await workloads(service.config.jwt, filled)).at(-1)?.questions ?? [];
  for (const question of new Set(mix)) truth.set(question, await ask(question));
});
afterAll(async () => {
  gate.open();
  await service.stop();
  await gate.close();
});

async function ask({ body, token }: Question): Promise<Answer> {
  const response = await fetch(`${service.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body,
  });
  return (await response.json()) as Answer;
}

/** Fails unless all that is said is true, and all that is not said is owned up to as an outage. */
function assertHonest(question: Question, answer: Answer): void {
  const all = truth.get(question)?.data;
  const failures = answer.errors ?? [];
  for (const { extensions } of failures)
    expect(extensions).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryable: true });
  if (failures.length === 0) expect(answer.data).toEqual(all);
  else if (answer.data) {
    const failed = new Set(failures.map(({ path }) => path?.slice(0, 2).join(".")));
    for (const [at, entity] of (answer.data._entities as object[]).entries())
      if (!failed.has(`_entities.${at}`)) expect(entity).toEqual(all._entities[at]);
      else expect(Object.values(entity ?? {})).toEqual(entity ? [null] : []);
  }
}

/** Asks, many at a time, and calls what stands at a number before the question of that number. */
async function askThrough(steps: Record<number, () => unknown>): Promise<boolean[]> {
  const isWhole: boolean[] = [];
  let next = 0;
  const last = Math.max(...Object.keys(steps).map(Number));
  const one = async () => {
    while (next <= last) {
      const number = next++;
      await steps[number]?.();
      const question = mix[number % mix.length] as Question;
      const answer = await ask(question);
      assertHonest(question, answer);
      isWhole[number] = !answer.errors;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return isWhole;
}

/** As an operator, or a server that shuts down, ends them. */
async function endBackends(): Promise<void> {
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  await client.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  await client.end();
}

const allWhole = async () => {
  const answers = await Promise.all(
    [...truth.keys()].map(async (question) => [question, await ask(question)] as const),
  );
  for (const [question, answer] of answers) assertHonest(question, answer);
  return answers.every(([, { errors }]) => !errors);
};
const recovered = () => eventually(allWhole, (whole) => whole);

test("what the mix is answered with is what the rows say", async () => {
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  const { rows: open } = await client.query<{ opened: string }>(`
    select user_id || ' ' || coalesce(resource_id, '*') as opened from user_access
     where revoked_at is null and starts_at <= now() and (expires_at is null or expires_at > now())
    union
    select user_id || ' ' || course_id from user_access join learning_path_courses on path_id = resource_id
     where revoked_at is null and starts_at <= now() and (expires_at is null or expires_at > now())`);
  await client.end();
  const opened = new Set(open.map((row) => row.opened));
  const isStandard = (course: string) => Number(course.slice(-5)) % 5 !== 0;
  const singles = [...truth].filter(([{ route }]) => route === "/accessTo");
  expect(singles.length).toBeGreaterThan(10);
  const granted = singles.map(([{ body }, { data }]) => {
    const { userId: user, resourceId } = JSON.parse(body).variables;
    const isOpen = opened.has(`${user} ${resourceId}`) || (isStandard(resourceId) && opened.has(`${user} *`));
    expect([user, resourceId, data.accessTo.granted]).toEqual([user, resourceId, isOpen]);
    return isOpen;
  });
  expect(new Set(granted)).toEqual(new Set([true, false]));
});

test("Redis frozen and killed in the middle of the mix: every question is answered, and rightly", async () => {
  const isWhole = await askThrough({
    50: () => service.redis.pause(),
    120: () => service.redis.resume(),
    170: () => service.redis.kill(),
    240: () => service.redis.restart(),
    300: () => {},
  });
  expect(isWhole.filter((whole) => !whole)).toEqual([]);
}, 60_000);

test("PostgreSQL cut off in the middle of the mix: nothing wrong is said, and it comes back by itself", async () => {
  const isWhole = await askThrough({
    25: endBackends,
    50: () => gate.shut(),
    150: () => gate.open(),
    200: () => {},
  });
  expect(isWhole.slice(50, 150).filter((whole) => !whole).length).toBeGreaterThan(10);
  await recovered();
}, 60_000);

test("both gone in the middle of the mix: who may open what is not made up, and both come back by themselves", async () => {
  const bothGone = async () => {
    gate.shut();
    await service.redis.kill();
  };
  const bothBack = async () => {
    gate.open();
    await service.redis.restart();
  };
  const isWhole = await askThrough({ 50: bothGone, 150: bothBack, 200: () => {} });
  expect(isWhole.slice(50, 150).filter((whole) => !whole).length).toBeGreaterThan(10);
  await recovered();
}, 60_000);
