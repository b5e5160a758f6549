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

/** How this page's session proves that a request is meant: the token that Django puts into its forms. */
const csrf = () => /** @type {HTMLInputElement|null} */ (document.querySelector("[name=csrfmiddlewaretoken]"))?.value ?? "";

/** The API as one caller sees it: by the page's session, or by a token from anywhere. */
export class Api {
  /** @param {{base?: string, token?: string, lang?: string}} caller */
  constructor({ base = "/api/", token = "", lang = "" } = {}) {
    this.base = new URL(base, document.baseURI).href.replace(/\/?$/, "/");
    this.token = token;
    this.lang = lang;
  }

  /** @param {string} path  below the base @param {Record<string, string|number>} [query] */
  url(path, query = {}) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries({ ...query, ...(this.lang && { lang: this.lang }) })) {
      url.searchParams.set(name, String(value));
    }
    return url.href;
  }

  /** @param {string} path @param {Record<string, string|number>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
  async get(path, query, signal) {
    return read(await this.fetch(this.url(path, query), { signal: patience(signal) }));
  }

  /** @param {string} path @param {object} [body] @param {Record<string, string>} [headers] @returns {Promise<any>} */
  async post(path, body = {}, headers = {}) {
    return read(
      await this.fetch(this.url(path), {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", ...(!this.token && { "X-CSRFToken": csrf() }), ...headers },
        signal: patience(),
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
function patience(signal) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/** @param {Response} response  rejects with `Refusal`; with a network error when nothing answers */
async function read(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw new Refusal(response.status, body);
  return body;
}

/** A key that makes a repeated request the same one. `randomUUID` is missing on plain HTTP. */
export const freshKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
