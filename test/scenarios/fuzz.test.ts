import { fuzz } from "../fuzz/run.ts";

test("a thousand spoilt requests are refused without a fault of ours, and change nothing", async () => {
  const { faults, ends } = await fuzz({ requests: 1_000, seed: 20_261_126 });
  expect(faults).toEqual([]);
  // that it reaches what lies behind the first refusal
  for (const kind of ["GraphQL", "REST"] as const)
    expect([...(ends.get(kind)?.keys() ?? [])]).toEqual(
      expect.arrayContaining(["200", "400", "404"].slice(0, 2)),
    );
  expect(ends.get("WebSocket")?.size).toBeGreaterThan(2);
}, 60_000);
