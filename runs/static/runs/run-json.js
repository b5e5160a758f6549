/** A run as the API serializes it. */

/**
 * The run as the API serializes it; see /api/schema/.
 * @typedef {{
 *   id: number, type: string, status: string, total: number|null, processed: number, succeeded: number,
 *   failed: number, skipped: number, progress_pct: number|null, eta_seconds: number|null, rate: number|null,
 *   started_at: string|null, finished_at: string|null, server_now: string, seconds_since_heartbeat: number|null,
 *   stale_after_seconds: number, attempt: number, version: number, requested: string, actions: string[],
 *   verdict: {code: string, label: string, message: string, evidence: Record<string, any>},
 *   details: Record<string, any>,
 * }} Run
 */

/** @typedef {{name?: string, mode?: string, unit?: string, started_by?: string, result?: string, took?: string, average_rate?: number|null}} About */

const ACTIVE = new Set(["queued", "running", "paused"]);

/** @param {Run | null} run */
export const isActive = (run) => run !== null && ACTIVE.has(run.status);

/** Outcomes that a crash left unknown. @param {Run} run */
export const unknownOf = (run) => Math.max(0, run.processed - run.succeeded - run.failed - run.skipped);

/** Completed, but something failed, or has an unknown outcome. @param {Run} run */
export const isImperfect = (run) => run.status === "completed" && run.failed + unknownOf(run) > 0;
