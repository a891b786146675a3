import { routes } from "../resources/index.ts";
import { judge, SKIPPED } from "./support/judge.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { tour } from "./tour/index.ts";

if (!judge) process.stdout.write(`${SKIPPED}\n`);
const suite = judge ? describe : describe.skip;

/** Every way to spoil one level of a value that its description must notice. */
function spoiled(value: object): [what: string, spoiled: object][] {
  return [
    ["an unknown field", { ...value, invented: 1 }],
    ["a missing field", Object.fromEntries(Object.entries(value).filter(([name]) => name !== "object"))],
    ["another type", { ...value, created: "yesterday" }],
    ["another object", { ...value, object: "chargee" }],
  ];
}

suite("Stripe's own description of its API", () => {
  let box: TestSandbox;
  beforeAll(async () => {
    box = await testSandbox();
    for (const part of tour) await part(box);
  });
  afterAll(() => box.close());

  test("every answer and every event of the tour is as it says, at level strict", async () => {
    expect(await box.faults()).toEqual([]);
  });

  test("every request of the tour is as it says", () => {
    const faults = box.exchanges.flatMap(({ method, path, params }) =>
      judge!.request(method, path, params).map((fault) => `${method} ${path}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  test("the tour visits every operation of the sandbox", () => {
    const missed = routes.filter(({ method, path }) => {
      const pattern = new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`);
      return !box.exchanges.some((exchange) => exchange.method === method && pattern.test(exchange.path));
    });
    expect(missed.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test("spoiled answers are caught", () => {
    const good = box.exchanges.filter(
      ({ status, answer }) => status === 200 && "created" in (answer as object),
    );
    expect(good.length).toBeGreaterThan(20);
    for (const { method, path, answer } of good) {
      for (const [what, value] of spoiled(answer as object)) {
        expect([what, path, judge!.response(method, path, 200, value).length > 0]).toEqual([
          what,
          path,
          true,
        ]);
      }
    }
  });

  test("spoiled events are caught", async () => {
    for (const event of await box.events()) {
      const { object } = event.data;
      expect(judge!.event(event)).toEqual([]);
      expect(judge!.event({ ...event, data: { object: { ...object, invented: 1 } } })).not.toEqual([]);
      expect(judge!.event({ ...event, type: "invoice.imagined" })).not.toEqual([]);
    }
  });

  test("spoiled errors are caught", () => {
    const error = box.exchanges.find(({ status }) => status === 404)!;
    expect(judge!.response(error.method, error.path, 404, { message: "none" })).not.toEqual([]);
  });
});
