import { CRASH_POINTS, type CrashPoint } from "../../src/crash-points.ts";
import { faultsOf } from "../chaos/history.ts";
import { stillToDo } from "../chaos/settling.ts";
import { World } from "../chaos/world.ts";
import { CONFIRM, CREATE_CHECKOUT } from "../support/checkout.ts";
import { eventually } from "../support/service.ts";

// Every story has a PostgreSQL database, a Redis, a Stripe and a process of its own; most of its time it waits for a
// lease of the dead process to run out, so that several can live at once.
const WITHIN_A_MINUTE = 60_000;
const STARTED_AT_ONCE = 2;
const STORIES_AT_ONCE = 9;
/** What a process does for those who ask again and again is most of what it does. */
const ASKED_AGAIN_AFTER_MS = 250;

/** What became of a learner whose service died by `kill -9` at a point, and was started again. */
interface Outcome {
  deaths: number;
  faults: string[];
  types: string[];
}

const outcomes = new Map<CrashPoint, Promise<Outcome>>();

/** Lets so many pieces of work run at once; the others wait their turn. */
function turns(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = [];
  return async (work) => {
    if (places === 0) await new Promise<void>((resolve) => queue.push(resolve));
    else places -= 1;
    return work().finally(() => {
      const next = queue.shift();
      if (next) next();
      else places += 1;
    });
  };
}

/** Processes are started a few at a time, since that is what a machine is busy with. */
const inTurn = turns(STARTED_AT_ONCE);
const storiesInTurn = turns(STORIES_AT_ONCE);

async function liveThrough(point: CrashPoint): Promise<Outcome> {
  const world = await World.open({ inProcess: false });
  try {
    world.host.crashAt(point, 1);
    await inTurn(() => world.begin());
    let isOver = false;
    const keepAlive = async () => {
      while (!isOver) {
        if (world.host.isDown) {
          await inTurn(() => world.host.start());
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const supervisor = keepAlive();
    try {
      await subscribe(world);
      await eventually(
        () => stillToDo(world),
        (left) => left.length === 0,
        WITHIN_A_MINUTE,
        300,
      );
    } finally {
      isOver = true;
      await supervisor;
    }
    const types = await world.rows<{ type: string }>("select type from outbox order by type");
    return {
      deaths: world.host.deaths.atPoint,
      faults: await faultsOf(world),
      types: types.map(({ type }) => type),
    };
  } finally {
    await world.close();
  }
}

/** A learner subscribes, and asks again under the same key until there is an answer. */
async function subscribe(world: World): Promise<void> {
  const [learner] = world.learners;
  if (!learner) throw new Error("nobody is there");
  const { data } = await eventually(
    async () => (await world.ask(learner, "{ plans { id name } }")) ?? { data: null },
    (answer) => Boolean(answer.data?.plans),
    WITHIN_A_MINUTE,
    ASKED_AGAIN_AFTER_MS,
  );
  const { id: planId } = data.plans.find(({ name }: { name: string }) => name === "Premium");
  const input = {
    planId,
    successUrl: "https://learn.example.com/welcome",
    cancelUrl: "https://learn.example.com/plans",
    idempotencyKey: "the only checkout",
  };
  const opened = await eventually(
    async () => (await world.ask(learner, CREATE_CHECKOUT, { input })) ?? { data: null },
    (answer) => Boolean(answer.data?.createCheckoutSession),
    WITHIN_A_MINUTE,
    ASKED_AGAIN_AFTER_MS,
  );
  const sessionId: string = opened.data.createCheckoutSession.id;
  await world.control(`checkout/sessions/${sessionId}/complete`, { payment_method: "pm_card_visa" });
  await eventually(
    async () => (await world.ask(learner, CONFIRM, { id: sessionId })) ?? { data: null },
    (answer) => answer.data?.confirmCheckout?.subscription?.grantsAccess === true,
    WITHIN_A_MINUTE,
    ASKED_AGAIN_AFTER_MS,
  );
}

beforeAll(() => {
  for (const point of CRASH_POINTS) {
    const outcome = storiesInTurn(() => liveThrough(point));
    outcome.catch(() => {}); // its own test says so
    outcomes.set(point, outcome);
  }
});
afterAll(() => Promise.allSettled(outcomes.values()));

test.each(CRASH_POINTS)(
  "kill -9 at %s: the work goes on within a minute, nothing is lost and nothing doubled",
  async (point) => {
    expect(await outcomes.get(point)).toEqual({
      deaths: 1,
      faults: [],
      types: ["access.changed", "payment.succeeded", "subscription.created"],
    });
  },
  4 * WITHIN_A_MINUTE,
);
