import type Stripe from "stripe";
import { StripeCalls } from "./calls.ts";

const PAGE = 100;
/** What is only shown when it is asked for. */
const FOR_TAXES = ["tax", "tax_ids"];
/** Search lags, by a minute as a rule: what was made since is found in the list. */
const SEARCH_LAGS_SECONDS = 600;

/** Calls about who a customer is. */
export class CustomerCalls extends StripeCalls {
  /** A customer with all that it shows for taxes; null for one that Stripe has deleted, or does not know. */
  async whole(id: string): Promise<{ customer: Stripe.Customer; taxIds: string[] } | null> {
    const customer = await this.read("customers.retrieve", () =>
      this.stripe.customers.retrieve(id, { expand: FOR_TAXES }),
    );
    if (!customer || customer.deleted) return null;
    const { data = [], has_more } = customer.tax_ids ?? {};
    const taxIds = has_more ? await this.taxIdsOf(id) : data;
    return { customer, taxIds: taxIds.map((taxId) => taxId.id) };
  }

  /** One that is gone already counts as taken away. */
  async removeTaxId(customer: string, id: string): Promise<void> {
    await this.read("customers.deleteTaxId", () => this.stripe.customers.deleteTaxId(customer, id));
  }

  /** The ids of customers whose metadata may say so: search tells what was so a moment ago. */
  async found(key: string, value: string): Promise<string[]> {
    const query = `metadata["${key}"]:"${value.replace(/["\\]/g, "\\$&")}"`;
    const found = await this.call("customers.search", () =>
      this.stripe.customers.search({ query, limit: PAGE }).autoPagingToArray({ limit: 1_000 }),
    );
    return found.map(({ id }) => id);
  }

  /** The ids of those with it that were made too short a time ago to be found. */
  async recent(key: string, value: string, now: Date): Promise<string[]> {
    const created = { gte: Math.floor(now.getTime() / 1000) - SEARCH_LAGS_SECONDS };
    return this.call("customers.list", async () => {
      const named: string[] = [];
      for await (const { id, metadata } of this.stripe.customers.list({ created, limit: PAGE }))
        if (metadata[key] === value) named.push(id);
      return named;
    });
  }

  private taxIdsOf(customer: string): Promise<Stripe.TaxId[]> {
    return this.call("customers.listTaxIds", () =>
      this.stripe.customers.listTaxIds(customer, { limit: PAGE }).autoPagingToArray({ limit: 1_000 }),
    );
  }
}
