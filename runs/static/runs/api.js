/** Calls of the API: never cached, and aborted after a time limit. */

import { pageMessages } from "./messages.js";

const TIMEOUT_MS = 8000;

/** An error response of the API. `run` is the run that a conflict is about, where the body names one. */
export class ApiError extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    const errors = body?.errors ?? [];
    super(errors.map((/** @type {{detail: string}} */ error) => error.detail).join(" "));
    this.status = status;
    this.code = errors[0]?.code ?? "";
    this.run = body?.run ?? null;
  }
}

/** The text to show for whatever a call failed with. @param {unknown} error */
export function errorMessage(error, messages = pageMessages) {
  return (error instanceof ApiError && error.message) || messages.text("failed");
}

/** The CSRF token that Django puts into its forms: a session's requests need it. */
const csrfToken = () =>
  /** @type {HTMLInputElement|null} */ (document.querySelector("[name=csrfmiddlewaretoken]"))?.value ?? "";

/** The API for one caller: with the page's session, or with a token from any site. */
export class Api {
  /** @param {{base?: string, token?: string, lang?: string}} caller */
  constructor({ base = "/api/", token = "", lang = "" } = {}) {
    this.base = new URL(base, document.baseURI).href.replace(/\/?$/, "/");
    this.token = token;
    this.lang = lang;
  }

  /** @param {string} path  below the base, or absolute @param {Record<string, string|number>} [query] */
  url(path, query = {}) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries({ ...query, ...(this.lang && { lang: this.lang }) })) {
      url.searchParams.set(name, String(value));
    }
    return url.href;
  }

  /** @param {string} path @param {Record<string, string|number>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
  async get(path, query, signal) {
    return parseResponse(await this.fetch(this.url(path, query), { signal: withTimeout(signal) }));
  }

  /**
   * @param {string} path
   * @param {object | FormData} [body]  a form is sent as it is, anything else as JSON
   * @param {Record<string, string>} [headers]
   * @param {AbortSignal | null} [signal]  null for a call that may take as long as it needs
   * @returns {Promise<any>}
   */
  async post(path, body = {}, headers = {}, signal = withTimeout()) {
    const isForm = body instanceof FormData;
    return parseResponse(
      await this.fetch(this.url(path), {
        method: "POST",
        body: isForm ? body : JSON.stringify(body),
        headers: {
          ...(!isForm && { "Content-Type": "application/json" }),
          ...(!this.token && { "X-CSRFToken": csrfToken() }),
          ...headers,
        },
        signal,
      }),
    );
  }

  /** @param {string} url @param {RequestInit} options */
  fetch(url, options) {
    return fetch(url, {
      ...options,
      cache: "no-store",
      credentials: this.token ? "omit" : "same-origin",
      headers: {
        Accept: "application/json",
        ...(this.token && { Authorization: `Bearer ${this.token}` }),
        ...options.headers,
      },
    });
  }
}

/** @param {AbortSignal} [signal] */
function withTimeout(signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/** Throws `ApiError`. @param {Response} response */
async function parseResponse(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw new ApiError(response.status, body);
  return body;
}

/** A repeated request with the same key starts one run. `crypto.randomUUID` is missing on plain HTTP. */
export const newIdempotencyKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
