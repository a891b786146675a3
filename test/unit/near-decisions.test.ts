import type { TimedDecision } from "../../src/services/access-question.ts";
import { NearDecisions } from "../../src/services/near-decisions.ts";

const GRANTED: TimedDecision = { granted: true, source: "GIFT", expiresAt: null, changesAt: null };
const standing = { lease: "lease", generation: "generation" };

/** Remembers as many decisions of a user, of courses from this one on. */
function keep(near: NearDecisions, userId: string, count: number, first = 0): void {
  const decisions = Array.from({ length: count }, (_, nth) => [`COURSE:${first + nth}`, GRANTED] as const);
  near.keep(userId, { began: performance.now(), standing, decisions: new Map(decisions) });
}
const held = (near: NearDecisions, userId: string) => near.of(userId)?.decisions.size ?? 0;

test("a process remembers 200,000 decisions of all users, those of the ones asked about last", () => {
  const near = new NearDecisions();
  const users = Array.from({ length: 500 }, (_, nth) => `user-${nth}`);
  for (const user of users) {
    keep(near, user, 400);
    keep(near, user, 400, 400);
  }
  const sizes = users.map((user) => held(near, user));
  expect(sizes.reduce((sum, size) => sum + size)).toBe(200_000);
  expect(sizes.slice(-250)).toEqual(new Array(250).fill(800));
});

test("it remembers a thousand of one user: whoever is asked about more begins anew", () => {
  const near = new NearDecisions();
  keep(near, "user", 700);
  keep(near, "user", 300, 700);
  expect(held(near, "user")).toBe(1_000);
  keep(near, "user", 2, 1_000);
  expect(held(near, "user")).toBe(2);
  keep(near, "other", 5_000);
  expect(held(near, "other")).toBe(1_000);
});

test("it forgets after a minute what nothing in Redis can stand for any more", () => {
  const near = new NearDecisions();
  const began = performance.now();
  keep(near, "user", 1);
  const clock = jest.spyOn(performance, "now");
  try {
    clock.mockReturnValue(began + 40_000);
    keep(near, "user", 1, 1);
    near.stands("user", standing, began + 40_000);
    expect(held(near, "user")).toBe(2);
    clock.mockReturnValue(began + 63_000);
    expect(near.of("user")).toBeUndefined();
    expect(near.grantsOf("user")).toBeUndefined();
  } finally {
    clock.mockRestore();
  }
});
