import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal, next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { alreadyClosed, closeDispute, escalate } from "./disputes.ts";
import { EVIDENCE_FIELDS } from "./evidence.ts";

type Dispute = Kinds["dispute"];
type Evidence = Dispute["evidence"];

type EvidenceChange = Partial<Record<(typeof EVIDENCE_FIELDS)[number], string | null>>;

/**
 * What `uncategorized_text` decides when it is submitted; any other text leaves the dispute under
 * review. https://docs.stripe.com/testing#disputes
 */
const VERDICTS: Record<string, (tx: Transaction, dispute: Dispute) => Dispute> = {
  winning_evidence: (tx, dispute) => closeDispute(tx, dispute, "won"),
  losing_evidence: (tx, dispute) =>
    closeDispute(tx, dispute, dispute.status.startsWith("warning_") ? "won" : "lost"),
  escalate_inquiry_evidence: (tx, dispute) =>
    dispute.status.startsWith("warning_") ? escalate(tx, dispute) : dispute,
};

interface Answer {
  evidence: EvidenceChange;
  /** Whether it goes to the bank now; otherwise it is only kept. */
  submit: boolean;
  metadata: Record<string, string>;
}

/** Adds evidence, and submits it. It can be submitted once. */
export function answerDispute(tx: Transaction, dispute: Dispute, answer: Answer): Dispute {
  const { evidence: change, submit, metadata } = answer;
  if (submit || Object.keys(change).length > 0) assertAnswerable(dispute);
  const evidence: Evidence = { ...dispute.evidence, ...change };
  const has_evidence = EVIDENCE_FIELDS.some((name) => evidence[name] !== null);
  const evidence_details = {
    ...dispute.evidence_details,
    has_evidence,
    ...(submit && {
      submission_count: dispute.evidence_details.submission_count + 1,
      submission_method: "manual" as const,
    }),
  };
  const reviewed = dispute.status === "needs_response" ? "under_review" : "warning_under_review";
  const status = submit ? next("dispute", dispute.status, reviewed) : dispute.status;
  const changes = { evidence, evidence_details, metadata, status };
  const answered = tx.update("dispute", dispute.id, changes, "charge.dispute.updated");
  const verdict = submit && VERDICTS[evidence.uncategorized_text ?? ""];
  return verdict ? verdict(tx, answered) : answered;
}

function assertAnswerable(dispute: Dispute): void {
  if (isFinal("dispute", dispute.status)) throw alreadyClosed(dispute);
  if (dispute.status.endsWith("under_review"))
    throw invalidRequest(
      "Evidence for this dispute has already been submitted, and can no longer be changed.",
    );
}
