import type { Plan } from "../entities/plan.ts";
import { BadUserInput } from "../errors.ts";

/** A plan and how many seats of it. */
export interface PlanTerms {
  plan: Plan;
  quantity: number;
}

/** How the client calls a field, for what is said of it: `input.planId`, or `planId`. */
export type Named = (field: "planId" | "quantity") => string;

/** `now`: billed at once, prorated. `later`: at the end of the period. `to-free`: a cancel then. */
export type PlanMove = "now" | "later" | "to-free";

/**
 * Up is now, down is later: a higher tier is up; in the same tier a year is up from a month; then what costs more is.
 * Nothing has been paid for in a trial, so there every change is made now.
 * @throws BadUserInput for a change that changes nothing, or to another currency
 */
export function moveBetween(from: PlanTerms, to: PlanTerms, isTrialing: boolean, named: Named): PlanMove {
  if (to.plan.isFree) return "to-free";
  if (from.plan.id === to.plan.id && from.quantity === to.quantity)
    throw new BadUserInput(
      named("planId"),
      "This is the plan you have. To take a scheduled change back, use resumeSubscription.",
    );
  if (from.plan.currency !== to.plan.currency)
    throw new BadUserInput(named("planId"), "This plan is sold in another currency than yours.");
  return isTrialing || isUp(from, to) ? "now" : "later";
}

const TIERS = ["FREE", "PREMIUM", "ENTERPRISE"];
const INTERVALS = ["MONTH", "YEAR"];

function isUp(from: PlanTerms, to: PlanTerms): boolean {
  const ranks = ({ plan, quantity }: PlanTerms) => [
    TIERS.indexOf(plan.tier),
    INTERVALS.indexOf(plan.interval ?? ""),
    plan.amountMinor * quantity,
  ];
  const [before, after] = [ranks(from), ranks(to)];
  const decisive = before.findIndex((rank, index) => rank !== after[index]);
  // another plan at the same price: there is nothing to wait for
  return decisive < 0 || (after[decisive] as number) > (before[decisive] as number);
}

/**
 * How many seats of the new plan: as many as asked for; else as many as now, if both plans are sold by the seat.
 * @throws BadUserInput for several of a plan that is for one person
 */
export function seatsOf(from: PlanTerms, to: Plan, asked: number | null | undefined, named: Named): number {
  const quantity = asked ?? (from.plan.hasSeats && to.hasSeats ? from.quantity : 1);
  assertSeats(to, quantity, named);
  return quantity;
}

/** @throws BadUserInput for several of a plan that is for one person */
export function assertSeats(plan: Plan, quantity: number, named: Named): void {
  if (quantity > 1 && !plan.hasSeats)
    throw new BadUserInput(named("quantity"), "This plan is for one person: leave the quantity at 1.");
}
