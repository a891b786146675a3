import { Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { Context } from "../context.ts";
import { Invoice, InvoiceLine } from "../entities/invoice.ts";
import { reference, User } from "../types/federated.ts";

@Resolver(() => Invoice)
export class InvoiceResolver {
  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Invoice): User {
    return reference(User, userId);
  }

  @FieldResolver(() => [InvoiceLine])
  lines(@Root() { stripeInvoiceId }: Invoice, @Ctx() { loaders }: Context): Promise<InvoiceLine[]> {
    return loaders.invoiceLines.load(stripeInvoiceId);
  }
}
