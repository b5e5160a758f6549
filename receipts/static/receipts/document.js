/** A receipt's document: what the server couldn't draw, since it was drawing others, is fetched again. */

const RETRY_MS = 2000; // the 503's Retry-After: a script can't read the headers of an image
const TRIES = 30;

/** @param {Element} section */
function followDocument(section, tries = 0) {
  for (const image of section.querySelectorAll("img")) retryImage(image);
  if (section.querySelector("[data-busy]") && tries < TRIES) {
    setTimeout(() => void fetchAgain(section, tries + 1), RETRY_MS);
  }
}

/** @param {HTMLImageElement} image */
function retryImage(image) {
  const address = image.src;
  let tries = 0;
  const load = () => {
    image.src = address;
  };
  const retry = () => {
    if (tries++ < TRIES) setTimeout(load, RETRY_MS);
  };
  image.addEventListener("error", retry);
  if (image.complete && image.naturalWidth === 0) retry(); // it failed before this script ran
}

/** What was typed beside the document stays. @param {Element} section @param {number} tries */
async function fetchAgain(section, tries) {
  const response = await fetch(location.pathname, { cache: "no-store" }).catch(() => null);
  const html = response?.ok && !response.redirected ? await response.text() : "";
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".document");
  if (fresh) section.replaceWith(fresh);
  followDocument(fresh ?? section, tries);
}

const section = document.querySelector(".document");
if (section) followDocument(section);
