/**
 * An examination to come.
 *
 * @module
 */

import type { Finding } from "../../doctor/mod.ts";

/** What is examined, and how that is begun. */
export interface Examination {
  /** The URL, without secrets, or the paths. */
  readonly target: string | readonly string[];
  /** Begins it. */
  begin(): AsyncIterable<Finding>;
}
