import { taskList, type Workers } from "../../src/jobs/worker.ts";
import type { Logger } from "../../src/logger.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const tellsOf: unknown[] = [];
const logger = { warn: (facts: { subjects: unknown }) => tellsOf.push(facts.subjects) } as unknown as Logger;
const tasks = (workers: object) => taskList(workers as Workers, logger);

test("a job whose one burst fails ends when the others have, and tells of that one alone", async () => {
  let end = () => {};
  const others = new Promise<void>((resolve) => {
    end = resolve;
  });
  const workAll = async (keys: string[]) => {
    if (keys.includes("invoice:in_1")) throw new Error("broken");
    await others;
  };
  let hasEnded = false;
  const words = ["", "cus_1", "invoice:in_1", "", "cus_2", "invoice:in_2"];
  const job = Promise.resolve(tasks({ inbox: { workAll } }).inbox?.(words, {} as never)).then(() => {
    hasEnded = true;
  });
  await turn();
  expect([hasEnded, tellsOf]).toEqual([false, [["invoice:in_1"]]]);
  end();
  await job;
});

test("of jobs other than bursts twenty run at a time", async () => {
  let running = 0;
  let most = 0;
  const send = async () => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
  };
  const { outbox, intent } = tasks({ relay: { send }, intents: { carryThrough: send } });
  const jobs = Array.from({ length: 64 }, (_, at) =>
    (at % 2 ? outbox : intent)?.({ subject: `${at}` }, {} as never),
  );
  await Promise.all(jobs);
  expect(most).toBe(20);
});
