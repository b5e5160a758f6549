/**
 * The card's style sheet. A page changes it by `run-card::part(bar)`, `run-card[state=failed]`, and the custom properties
 * --run-ground, --run-sunken, --run-line, --run-ink, --run-ink-soft, --run-accent, --run-good, --run-warn, --run-bad,
 * --run-radius and --run-bar-height.
 */

export const cardStyles = new CSSStyleSheet();

cardStyles.replaceSync(`
:host {
  --ground: var(--run-ground, light-dark(#ffffff, #181c25));
  --sunken: var(--run-sunken, light-dark(#eef0f5, #222836));
  --line: var(--run-line, light-dark(#e1e4ec, #2a3140));
  --ink: var(--run-ink, light-dark(#171b26, #eef1f7));
  --soft: var(--run-ink-soft, light-dark(#586075, #a3acbf));
  --accent: var(--run-accent, light-dark(#2f5bd8, #7d9dff));
  --good: var(--run-good, light-dark(#14784a, #5fd39b));
  --warn: var(--run-warn, light-dark(#8a5a00, #f1c05d));
  --bad: var(--run-bad, light-dark(#b3261e, #ff9a90));
  --tone: var(--soft);
  --fill: light-dark(#8b93a7, #717c93);
  display: block;
  container-type: inline-size;
  color: var(--ink);
  font-size: 1rem;
  line-height: 1.5;
}
:host([hidden]), [hidden] { display: none !important; }
:host(:is([state="working"], [state="loading"])) { --tone: var(--accent); --fill: var(--accent); }
:host([state="completed"]) { --tone: var(--good); --fill: var(--good); }
:host(:is([state="quiet"], [state="not_advancing"], [state="waiting"], [imperfect])) { --tone: var(--warn); --fill: light-dark(#d08a05, #f1c05d); }
:host(:is([state="stale"], [state="failed"])) { --tone: var(--bad); --fill: var(--bad); }
:host([lost]) { --tone: var(--soft); --fill: light-dark(#8b93a7, #717c93); }

* { box-sizing: border-box; margin: 0; padding: 0; letter-spacing: inherit; }
ul, ol { list-style: none; }

article, .empty {
  border: 1px solid var(--line);
  border-radius: var(--run-radius, 16px);
  background: var(--ground);
  box-shadow: 0 1px 2px rgb(20 25 45 / 5%), 0 8px 28px -12px rgb(20 25 45 / 14%);
  padding: clamp(1.1rem, 0.7rem + 2cqi, 1.65rem);
}
article { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
:host([state="none"]) article, :host(:not([state="none"])) .empty, :host([bare]) .empty { display: none; }

header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.4rem 1rem; }
h2 { min-inline-size: 0; margin-inline-end: auto; font-size: 1.1rem; line-height: 1.2; overflow-wrap: break-word; }
h2 small { color: var(--soft); font-size: 0.85rem; font-weight: 450; white-space: nowrap; }

.pill {
  display: inline-flex;
  align-items: center;
  gap: 0.45em;
  padding: 0.2em 0.75em;
  border-radius: 999px;
  background: color-mix(in srgb, var(--tone) 12%, var(--ground));
  color: var(--tone);
  font-size: 0.85rem;
  font-weight: 600;
}
.pill::before { content: ""; flex: none; inline-size: 0.5em; block-size: 0.5em; border-radius: 50%; background: currentcolor; }

.pill[part="contact"] { --tone: var(--warn); }
.about { flex-basis: 100%; color: var(--soft); font-size: 0.93rem; overflow-wrap: break-word; }
.about span + span::before { content: " · "; }

/* Columns and lines that stay where they are, whatever the numbers in them. */
.figure { display: flex; align-items: center; gap: 0.8rem; min-block-size: 3.25rem; font-variant-numeric: tabular-nums; }
.figure strong { min-inline-size: 3.05em; font-size: 2.6rem; font-weight: 700; line-height: 1.2; letter-spacing: -0.03em; }
.figure strong:empty, .figure:has(strong:empty + div > [part="count"]:empty) { display: none; }
.figure p { min-block-size: 1.5em; line-height: 1.5; }
:host(:not([moving])) [part="eta"]:empty { display: none; }
.figure [part="eta"] { color: var(--soft); font-size: 0.93rem; }
[part="count"] { font-weight: 550; }
:host([no-total]) [part="count"] { font-size: 1.5rem; font-weight: 650; }

.bar { overflow: hidden; block-size: var(--run-bar-height, 12px); border-radius: 999px; background: var(--sunken); }
.fill { position: relative; overflow: hidden; inline-size: 0; block-size: 100%; border-radius: inherit; background: var(--fill); transition: inline-size 0.6s ease-out, background-color 0.3s; }
/* Light runs along the bar only while the server reports work. */
:host([moving]) .fill::after {
  content: "";
  position: absolute;
  inset: 0;
  background: linear-gradient(90deg, transparent, rgb(255 255 255 / 45%), transparent);
  animation: glide 1.8s linear infinite;
}
:host([no-total][moving]) .fill { inline-size: 100%; opacity: 0.5; }
:host(:dir(rtl)) .fill::after { animation-direction: reverse; }
@keyframes glide { from { translate: -100% 0; } to { translate: 100% 0; } }

/* Beside each other, or what is below would move when a message comes. */
.under { display: flex; flex-wrap: wrap; gap: 0 1rem; align-content: start; min-block-size: 1.5em; margin-block-start: -0.4rem; color: var(--soft); font-size: 0.93rem; font-variant-numeric: tabular-nums; }
.under :empty { display: none; }
.under [part="message"] { overflow-wrap: break-word; text-align: start; }
:host(:is([state="stale"], [state="failed"])) [part="message"] { color: var(--tone); font-weight: 550; }
:host([lost]) [part="age"] { color: var(--warn); font-weight: 600; }

.warnings { display: grid; gap: 0.4rem; font-size: 0.93rem; }
.warnings li { padding-inline-start: 0.8rem; border-inline-start: 3px solid var(--warn); overflow-wrap: anywhere; }

.stats { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(6.5rem, 45%), 1fr)); gap: 0.5rem; padding: 0.75rem 1rem; border-radius: 10px; background: var(--sunken); }
.stats dt { color: var(--soft); font-size: 0.82rem; }
.stats dt::first-letter { text-transform: uppercase; }
.stats dd { font-size: 1.1rem; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }
.stats .some { color: var(--bad); }

[part="result"] { margin-block-start: -0.4rem; font-size: 0.93rem; }

/* Each button has a place of its own, as wide as its text, which stays when the button goes. */
.foot { position: relative; display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; min-block-size: 2.5rem; }
.place { display: inline-grid; }
.gap { flex: 1; }
.place::before { content: attr(data-label); visibility: hidden; padding: 0.3rem 0.9rem; border: 1px solid; font-size: 0.93rem; font-weight: 600; }
.place > *, .place::before { grid-area: 1 / 1; }
dialog {
  inset: auto;
  inset-block-end: calc(100% + 0.5rem);
  inset-inline-start: 0;
  z-index: 1;
  inline-size: max-content;
  max-inline-size: 100%;
  padding: 0.9rem 1.1rem;
  border: 1px solid var(--line);
  border-radius: 10px;
  background: var(--ground);
  color: var(--ink);
  box-shadow: 0 8px 28px -8px rgb(20 25 45 / 35%);
}
dialog p { margin-block-end: 0.7rem; font-size: 0.93rem; }
dialog button[value="cancel"] { margin-inline-start: 0.5rem; border-color: var(--bad); color: var(--bad); }
button {
  min-block-size: 2.5rem;
  padding: 0.3rem 0.9rem;
  border: 1px solid light-dark(#8b93a7, #5d677d);
  border-radius: 10px;
  background: none;
  color: inherit;
  font: inherit;
  font-size: 0.93rem;
  font-weight: 600;
  cursor: pointer;
}
button:hover { background: var(--sunken); }
button[aria-disabled="true"] { opacity: 0.5; cursor: default; }
button[aria-busy="true"] { opacity: 0.8; }
button[aria-busy="true"]::after {
  content: "";
  display: inline-block;
  inline-size: 0.6em;
  block-size: 0.6em;
  margin-inline: 0.4em -1em;
  border: 2px solid;
  border-block-start-color: transparent;
  border-radius: 50%;
  animation: turn 1s linear infinite;
}
@keyframes turn { to { rotate: 360deg; } }
button[data-action="dismiss"] { border-color: transparent; color: var(--soft); }
:is(button, summary, a, ul, article, .empty):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }

.problem { padding: 0.7rem 0.9rem; border-radius: 10px; background: color-mix(in srgb, var(--bad) 10%, var(--ground)); color: var(--bad); font-size: 0.93rem; }
a { color: var(--accent); text-underline-offset: 0.2em; }
.problem a { color: inherit; font-weight: 600; }

details { border-block-start: 1px solid var(--line); padding-block-start: 0.75rem; font-size: 0.93rem; }
details + details { margin-block-start: -0.25rem; }
summary { inline-size: fit-content; min-block-size: 1.6rem; color: var(--soft); font-weight: 550; cursor: pointer; }
details > * + * { margin-block-start: 0.8rem; }
.soft { color: var(--soft); font-size: 0.88rem; }
.evidence { display: grid; grid-template-columns: minmax(0, auto) minmax(8rem, 1fr); gap: 0.3rem 1.2rem; }
.evidence dt { color: var(--soft); }
.evidence dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.events { display: grid; gap: 0.55rem; }
.events li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 1rem; padding-inline-start: 0.8rem; border-inline-start: 3px solid var(--line); overflow-wrap: break-word; }
.events li span { grid-column: 1 / -1; color: var(--soft); font-size: 0.88rem; }
.events time { color: var(--soft); font-variant-numeric: tabular-nums; }
.items { display: grid; gap: 0.7rem; max-block-size: 22rem; overflow: auto; }
.items li { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.1rem; padding-inline-start: 0.8rem; border-inline-start: 3px solid var(--bad); overflow-wrap: break-word; }
.items dl { display: flex; flex-wrap: wrap; gap: 0 0.9rem; color: var(--soft); font-size: 0.85rem; }
.items dl div { display: flex; gap: 0.35rem; }
.items dt::after { content: ":"; }
.items dd { margin: 0; overflow-wrap: anywhere; }
.items strong { font-weight: 600; }

.news { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@container (max-width: 30rem) {
  .figure strong { font-size: 2.2rem; }
  .under { min-block-size: 3em; }
}
@media (prefers-reduced-motion: reduce) {
  .fill, .fill::after, button::after { animation: none !important; transition: none; }
  :host([no-total][moving]) .fill { background: repeating-linear-gradient(45deg, var(--fill) 0 8px, transparent 8px 16px); }
}
@media (forced-colors: active) {
  .bar { border: 1px solid CanvasText; }
  .fill { background: Highlight; forced-color-adjust: none; }
}
@media print {
  article, .empty { box-shadow: none; break-inside: avoid; }
  .foot, .problem, [part="result"], details:not([open]) { display: none; }
  .bar, .fill, .stats { print-color-adjust: exact; }
}
`);
