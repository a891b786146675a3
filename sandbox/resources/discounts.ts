import { endDiscount } from "../billing/catalogue/discounts.ts";
import { ApiError } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

/** A discount that was taken away, as Stripe still shows it. */
function remove(tx: Transaction, discount: Kinds["discount"] | null | undefined): object {
  if (!discount) {
    throw new ApiError(404, {
      type: "invalid_request_error",
      code: "resource_missing",
      message: "There is no active discount.",
    });
  }
  endDiscount(tx, discount);
  const { end: _, ...shown } = discount;
  return { ...shown, deleted: true };
}

export const discountRoutes: Route[] = [
  route("DELETE", "/v1/customers/:id/discount", {}, (tx, _params, { id = "" }) =>
    remove(tx, tx.need("customer", id).discount),
  ),
  route("DELETE", "/v1/subscriptions/:id/discount", {}, (tx, _params, { id = "" }) => {
    const [first] = tx.need("subscription", id).discounts;
    return remove(tx, first === undefined ? undefined : tx.need("discount", first));
  }),
];
