/** The card's elements. `part` names are for style sheets of pages; `data-message` and `data-fill` for its own script. */

export const cardTemplate = document.createElement("template");
cardTemplate.innerHTML = `
  <article part="card" aria-labelledby="title" tabindex="-1">
    <header>
      <h2 id="title" part="heading"><span data-fill="heading"></span> <small data-fill="number"></small></h2>
      <span class="pill" part="contact" data-message="no_contact_badge" hidden></span>
      <span class="pill" part="label"></span>
      <p class="about" part="about" hidden></p>
    </header>
    <div class="figure">
      <strong part="percent"></strong>
      <div><p part="count"></p><p part="eta"></p></div>
    </div>
    <div class="bar" part="bar" role="progressbar" aria-labelledby="title" aria-valuemin="0" aria-valuemax="100"><div class="fill" part="fill"></div></div>
    <div class="under"><p part="message" dir="auto"></p><p part="age"></p></div>
    <ul class="warnings" part="warnings" hidden></ul>
    <dl class="stats" part="stats">
      <div><dt data-message="succeeded"></dt><dd part="succeeded">–</dd></div>
      <div><dt data-message="skipped"></dt><dd part="skipped">–</dd></div>
      <div><dt data-message="failed_items"></dt><dd part="failed">–</dd></div>
      <div hidden><dt data-message="unknown_items"></dt><dd part="unknown">–</dd></div>
      <div><dt data-message="speed" data-fill="speed"></dt><dd part="rate">–</dd></div>
    </dl>
    <p part="result" hidden><a></a></p>
    <div class="foot" part="actions">
      <span class="gap" data-place="gap"></span>
      <dialog aria-labelledby="confirm" part="confirm">
        <p id="confirm" data-message="confirm_cancel"></p>
        <button type="button" value="keep" data-message="keep"></button>
        <button type="button" value="cancel" data-message="cancel_it"></button>
      </dialog>
    </div>
    <p class="problem" part="problem" role="alert" hidden></p>
    <details part="failures" hidden>
      <summary data-message="what_failed"></summary>
      <ul class="items" part="items" tabindex="0"></ul>
      <p class="soft"><span data-fill="failed-note"></span> <a part="csv" data-message="csv" download></a></p>
    </details>
    <details part="why">
      <summary data-message="why"></summary>
      <p data-fill="why-is"></p>
      <dl class="evidence" part="evidence"></dl>
      <p class="soft" data-message="why_left" data-fill="why-left"></p>
      <p class="soft" data-message="events"></p>
      <ol class="events" part="events"></ol>
    </details>
  </article>
  <div class="empty" part="empty" tabindex="-1"><slot name="empty"></slot></div>
  <p class="news" part="news" role="status" aria-live="polite"></p>`;
