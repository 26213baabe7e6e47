// What the console does in a browser beyond links and forms: parts that renew themselves, keys, and
// what was typed and not sent. Every page works without it.
"use strict";
(() => {
  // Answers of this console alone become elements; scripts in them do not run.
  const trusted = window.trustedTypes
    ? window.trustedTypes.createPolicy("weir", { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const elements = (text) => new DOMParser().parseFromString(trusted.createHTML(text), "text/html").body;

  // data-from="/address": filled from there at once; data-every="5": and again every so many seconds,
  // until what comes has data-done in it; where it has data-soon="1", in so many seconds.
  // data-form="id": with what that form holds, each time that it is typed in.
  async function renew(part, options = {}) {
    const from = options.body ? part.dataset.from : part.dataset.from || location.href;
    part.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(from, { headers: { "x-weir-fragment": "1" }, credentials: "same-origin", ...options });
      if (answer.redirected && new URL(answer.url).pathname === "/sign-in") { location.reload(); return; }
      part.replaceChildren(...elements(await answer.text()).childNodes);
      part.classList.toggle("stale", !answer.ok);
      if (part.querySelector("[data-done]")) delete part.dataset.every;
      prepare(part);
    } catch {
      part.classList.add("stale");
      part.title = "The console does not answer; tried again by itself.";
    } finally {
      part.removeAttribute("aria-busy");
    }
  }

  function watch(part) {
    const again = async () => {
      const busy = document.hidden || part.contains(document.activeElement) || part.querySelector("details[open]");
      if (!busy) await renew(part);
      wait();
    };
    const wait = () => {
      const seconds = part.querySelector("[data-soon]")?.dataset.soon || part.dataset.every;
      if (part.isConnected && seconds) setTimeout(again, 1000 * seconds);
    };
    if (part.dataset.form) {
      const form = document.getElementById(part.dataset.form);
      let waiting;
      form.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => renew(part, { method: "POST", body: new URLSearchParams(new FormData(form)) }), 400);
      });
    } else {
      renew(part).then(wait);
    }
  }

  // data-keep: what is typed in such a form stays until it was sent and answered without an error, or is
  // dropped; it is put back where the console still shows the text that the typing began from.
  // The page that asks to mend it has another address, and the same form.
  const typedIn = (form) => `typed ${new URL(form.action).pathname} ${form.id}`;
  try {
    // What comes of it may be another page.
    if (document.querySelector(".said-so")) [sessionStorage.getItem("sent last"), "sent last"].forEach((name) => sessionStorage.removeItem(name));
    document.addEventListener("submit", ({ target }) => {
      sessionStorage.setItem("sent last", target.matches("[data-keep]") ? typedIn(target) : "");
    });
  } catch { /* a browser that stores nothing */ }

  function keep(form) {
    const name = typedIn(form);
    const fields = () => [...form.elements].filter((each) => each.matches("textarea, input[type=text], input:not([type])"));
    try {
      if (document.querySelector(".said-so") && sessionStorage.getItem("typed and sent") === name) sessionStorage.removeItem(name);
      const kept = JSON.parse(sessionStorage.getItem(name) || "{}");
      // What was sent and comes back to be mended began from what it began from then.
      const began = (each) => (kept[each.name]?.typed === each.defaultValue ? kept[each.name].from : each.defaultValue);
      const store = () => {
        const typed = fields().filter((each) => each.value !== began(each));
        sessionStorage.setItem(name, JSON.stringify(Object.fromEntries(typed.map((each) => [each.name, { typed: each.value, from: began(each) }]))));
      };
      const again = fields().filter((each) => kept[each.name]?.from === each.value && kept[each.name].typed !== each.value);
      again.forEach((each) => { each.value = kept[each.name].typed; });
      form.addEventListener("input", store);
      form.addEventListener("submit", () => sessionStorage.setItem("typed and sent", name));
      if (again.length) offerToDrop(form, again);
    } catch { /* a browser that stores nothing */ }
  }

  function offerToDrop(form, fields) {
    const note = document.createElement("p"), drop = document.createElement("button");
    const changed = () => form.dispatchEvent(new Event("input"));
    note.className = "card";
    note.setAttribute("role", "status");
    drop.type = "button";
    drop.textContent = "Drop it";
    drop.addEventListener("click", () => {
      fields.forEach((each) => { each.value = each.defaultValue; });
      note.remove();
      changed();
    });
    note.append("What you typed here before, and did not send, stands here again. ", drop);
    form.prepend(note);
    changed();
  }

  function prepare(root) {
    root.querySelectorAll("[data-from]").forEach(watch);
    root.querySelectorAll("form[data-keep]").forEach(keep);
    // data-submit: a form is sent as soon as this is chosen.
    root.querySelectorAll("[data-submit]").forEach((each) => each.addEventListener("change", () => each.form.requestSubmit()));
    // data-all="name": chooses every box of that name.
    root.querySelectorAll("[data-all]").forEach((each) => {
      each.hidden = false;
      each.addEventListener("change", () => document.getElementsByName(each.dataset.all).forEach((box) => { box.checked = each.checked; }));
    });
  }

  // data-key="v": this key presses it, or puts the cursor in it. data-go="n": g and then this key goes there.
  const typing = (target) => target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const pressable = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.offsetParent !== null && !each.disabled);
  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target)) return;
    if (event.key === "?") { event.preventDefault(); showKeys(); return; }
    if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1500); return; }
    const found = pressable(going ? "[data-go]" : "[data-key]").find((each) => (going ? each.dataset.go : each.dataset.key) === event.key);
    going = false;
    if (!found) return;
    event.preventDefault();
    if (typing(found)) found.focus(); else found.click();
  });

  function showKeys() {
    const list = document.querySelector("#keys dl");
    const line = (key, said) => {
      const name = document.createElement("dt"), what = document.createElement("dd"), pressed = document.createElement("kbd");
      pressed.textContent = key;
      name.append(pressed);
      what.textContent = said;
      list.append(name, what);
    };
    list.replaceChildren();
    const said = (each) => each.getAttribute("aria-label") || each.dataset.says || each.textContent.trim() || each.labels?.[0]?.textContent.trim() || each.name;
    pressable("[data-key]").forEach((each) => line(each.dataset.key, said(each)));
    pressable("[data-go]").forEach((each) => line(`g ${each.dataset.go}`, said(each)));
    line("?", "these keys");
    document.getElementById("keys").showModal();
  }

  // data-behind="id": what decides in here does nothing while that box is checked, and data-unread="id"
  // says so.
  document.addEventListener("click", (event) => {
    const bar = event.target.closest("[name=verdict]")?.closest("[data-behind]");
    const blurred = bar && document.getElementById(bar.dataset.behind);
    if (!blurred?.checked) return;
    event.preventDefault();
    const said = document.getElementById(bar.dataset.unread);
    said.hidden = false;
    blurred.addEventListener("change", () => { said.hidden = true; }, { once: true });
  });

  // data-line="12" data-of="id": puts the cursor into that line of a text area.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    const area = link && document.getElementById(link.dataset.of);
    if (!area) return;
    event.preventDefault();
    const lines = area.value.split("\n"), before = lines.slice(0, link.dataset.line - 1).join("\n").length;
    const start = before + (link.dataset.line > 1 ? 1 : 0);
    area.setSelectionRange(start, start + (lines[link.dataset.line - 1] || "").length);
    area.blur();
    area.focus();
  });

  const button = document.getElementById("keys-button");
  if (button) { button.hidden = false; button.addEventListener("click", showKeys); }
  prepare(document);
  // Only a part that was opened alone says as it opens that more of it is to come.
  if (document.querySelector("[data-soon]")) watch(document.querySelector("main"));
})();
