/**
 * Examines secure WebSocket servers and certificate set-ups, layer by layer: what
 * works, what does not, why, and what to do.
 *
 * @module
 */

export { examine, type ExamineOptions } from "./examine.ts";
export type { Finding, Layer, Verdict } from "./finding.ts";
export {
  inspectTls,
  type InspectTlsOptions,
  type TlsInspection,
} from "./inspect_tls.ts";
export { lintCertificates, type LintOptions } from "./lint.ts";
export type { TrustOptions } from "../tls/trust.ts";
