import type { EntityManager } from "@mikro-orm/postgresql";
import { Payment } from "../entities/payment.ts";
import type { Connection } from "../types/connection.ts";
import { type PageRequest, pageOf } from "./pages.ts";

/** The history of what a user paid, or tried to. */
export class PaymentService {
  constructor(private readonly em: EntityManager) {}

  list(page: PageRequest): Promise<Connection<Payment>> {
    return pageOf(this.em.fork(), Payment, "stripeCreatedAt", page);
  }
}
