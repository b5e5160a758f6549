/** Calls of the API: never from a cache, never for ever. */

const PATIENCE_MS = 8000;

/** An answer that says no. `run` is the run that stands in the way, where one does. */
export class Refusal extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    const errors = body?.errors ?? [];
    super(errors.map((/** @type {{detail: string}} */ error) => error.detail).join(" "));
    this.status = status;
    this.code = errors[0]?.code ?? "";
    this.run = body?.run ?? null;
  }
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<any>} rejects with `Refusal`, or with a network error when nothing answers
 */
async function call(url, options = {}) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, {
    ...options,
    cache: "no-store",
    credentials: "same-origin",
    signal: options.signal ? AbortSignal.any([options.signal, patience]) : patience,
    headers: { Accept: "application/json", ...options.headers },
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, body);
  return body;
}

/** @param {string} url @param {AbortSignal} [signal] */
export const get = (url, signal) => call(url, { signal });

/** @param {string} url @param {string} csrf @param {object} [body] @param {Record<string, string>} [headers] */
export const post = (url, csrf, body = {}, headers = {}) =>
  call(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf, ...headers },
  });

/** A key that makes a repeated request the same one. `randomUUID` is missing on plain HTTP. */
export const freshKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
