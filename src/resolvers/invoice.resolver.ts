import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Invoice, InvoiceConnection, InvoiceLine } from "../entities/invoice.ts";
import { pageAsked } from "../services/pages.ts";
import type { Connection } from "../types/connection.ts";
import { reference, User } from "../types/federated.ts";
import { PageArgs } from "./inputs/page.inputs.ts";

@Resolver(() => Invoice)
export class InvoiceResolver {
  @Query(() => InvoiceConnection, { description: "Newest first." })
  @Rule("signed-in")
  invoices(
    @UserId() userId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Invoice>> {
    return loaders.invoices.load(pageAsked({ ...page, userId }));
  }

  @Query(() => Invoice, { nullable: true })
  @Rule("signed-in")
  async invoice(
    @Arg("id", () => ID) id: string,
    @Ctx() { caller, loaders }: Context,
  ): Promise<Invoice | null> {
    const found = await loaders.invoice.load(id);
    return found && caller.maySee(found.userId) ? found : null;
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Invoice): User {
    return reference(User, userId);
  }

  @FieldResolver(() => [InvoiceLine])
  lines(@Root() { stripeInvoiceId }: Invoice, @Ctx() { loaders }: Context): Promise<InvoiceLine[]> {
    return loaders.invoiceLines.load(stripeInvoiceId);
  }
}
