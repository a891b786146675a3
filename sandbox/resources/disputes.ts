import { answerDispute } from "../billing/payments/dispute-answers.ts";
import { closeDispute } from "../billing/payments/disputes.ts";
import { EVIDENCE_FIELDS } from "../billing/payments/evidence.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page, under } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { flag, type Infer, notYet, object, type Param, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type Dispute = Kinds["dispute"];

const evidenceText = unsettable(text({ max: 20_000 }));
const texts = Object.fromEntries(EVIDENCE_FIELDS.map((name) => [name, evidenceText])) as Record<
  (typeof EVIDENCE_FIELDS)[number],
  Param<string | null>
>;

const updateParams = {
  evidence: object({ ...texts, appeal: notYet(), enhanced_evidence: notYet() }),
  intended_submission_method: notYet(),
  metadata,
  submit: flag,
};

/** Evidence goes to the bank at once, unless `submit` is false. */
function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Dispute {
  const before = tx.need("dispute", id);
  const { appeal: _, enhanced_evidence: __, ...evidence } = params.evidence ?? {};
  return answerDispute(tx, before, {
    evidence,
    submit: params.submit ?? params.evidence !== undefined,
    metadata: withMetadata(before.metadata, params.metadata),
  });
}

const filters = { charge: text(), payment_intent: text() };

function listDisputes(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { charge, payment_intent } = params;
  const where = under({ charge, payment_intent });
  const keep = (dispute: Dispute) => !payment_intent || dispute.payment_intent === payment_intent;
  return page(tx, { kind: "dispute", url: "/v1/disputes", where, keep }, params);
}

export const disputeRoutes: Route[] = [
  route("GET", "/v1/disputes", { ...listParams, ...filters }, listDisputes),
  route("GET", "/v1/disputes/:id", {}, (tx, _params, { id = "" }) => tx.need("dispute", id)),
  route("POST", "/v1/disputes/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("POST", "/v1/disputes/:id/close", {}, (tx, _params, { id = "" }) => {
    const dispute = tx.need("dispute", id);
    return closeDispute(tx, dispute, dispute.status.startsWith("warning_") ? "won" : "lost");
  }),
];
