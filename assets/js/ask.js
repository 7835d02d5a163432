/* Decisions: the buttons that start a job or open the picker for one of its arguments; when the
   button of the dialog can be pressed; and the toasts of jobs, which go when they are done. */
(function () {
  "use strict";

  var SECONDS = 6;

  function setProps(id, props) { window.dash_clientside.set_props(id, props); }

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button[data-job]") : null;
    if (!button || button.disabled) { return; }
    // The time makes a second press a new value of the store.
    var request = { job: button.dataset.job, with: button.dataset.with, at: Date.now() };
    if (button.dataset.field) {
      request.field = button.dataset.field;
      request.what = button.dataset.what;
      setProps("picking", { data: request });
    } else {
      setProps("ask-for", { data: request });
    }
  });

  /* What a button that somebody may not press says: while the pointer or the focus is on it, and once it was
     pressed until something else is pressed, the page is scrolled, or Escape. */
  var note = null;

  function hush() { if (note) { note.remove(); note = null; } }

  function refused(event) { return event.target.closest ? event.target.closest("[data-refusal]") : null; }

  function say(event) {
    var button = refused(event), pressed = event.type === "click";
    if (!button) { if (pressed || !note || !note.pressed) { hush(); } return; }
    if (note && note.of === button) { note.pressed = note.pressed || pressed; return; }
    hush();
    note = document.createElement("div");
    note.of = button;
    note.pressed = pressed;
    note.className = "refusal";
    note.setAttribute("role", "tooltip");
    note.textContent = button.dataset.refusal;
    document.body.appendChild(note);
    var at = button.getBoundingClientRect(), margin = 8;
    var left = Math.min(at.left, window.innerWidth - note.offsetWidth - margin);
    var below = at.bottom + 4 + note.offsetHeight < window.innerHeight;
    note.style.left = Math.max(left, margin) + "px";
    note.style.top = (below ? at.bottom + 4 : at.top - note.offsetHeight - 4) + "px";
  }

  ["mouseover", "focusin", "click"].forEach(function (what) { document.addEventListener(what, say); });
  ["focusout", "wheel", "touchmove"].forEach(function (what) { document.addEventListener(what, hush, { passive: true }); });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") { hush(); } });

  function plain(text) { return (text || "").trim().replace(/\s+/g, " ").toLowerCase(); }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ask: {
      is_disabled: function (waits, proposed, typed) {
        var needed = plain(proposed && proposed.typed);
        return Boolean(waits) || (needed !== "" && plain(typed) !== needed);
      },
      dismiss: function (dismissed, asked) {
        return (asked || []).filter(function (id) { return !dismissed || dismissed.ids.indexOf(id) < 0; });
      },
    },
  });

  /* Toasts: one that is done goes after some seconds, not while the pointer or the focus is in it. When it was
     first seen is kept with the tab: on the next page it does not begin anew. */
  var STORED = "hub-toasts", EDGE = 8;
  var seen = {};
  try { seen = JSON.parse(sessionStorage.getItem(STORED)) || {}; } catch (refused) { /* not kept */ }

  function see(id) {
    seen[id] = Date.now();
    try { sessionStorage.setItem(STORED, JSON.stringify(seen)); } catch (refused) { /* not kept */ }
  }

  function dismiss(toast) {
    toast.hidden = true;
    setProps("jobs-dismissed", { data: { ids: [Number(toast.dataset.id)] } });
  }

  function held(toast) { return toast.matches(":hover") || toast.contains(document.activeElement); }

  function dismissSeen() {
    Array.prototype.forEach.call(document.querySelectorAll("#jobs .job-done:not([hidden])"), function (toast) {
      var id = toast.dataset.id;
      if (!seen[id] || held(toast)) { see(id); }
      else if (Date.now() - seen[id] >= SECONDS * 1000) { dismiss(toast); }
    });
  }
  setInterval(function () { dismissSeen(); place(); }, 500);

  /* The toasts lie at the right under the bars, in the first gap in which they cover nothing that can be pressed;
     on a phone CSS puts them above the bottom bar. */
  function place() {
    var toasts = document.getElementById("jobs");
    var box = toasts && toasts.getBoundingClientRect();
    if (!box || !box.height || held(toasts)) { return; }
    var top = document.querySelector(".top").getBoundingClientRect().bottom + EDGE;
    var taken = Array.prototype.map.call(document.querySelectorAll("a[href], button, input, select, summary, textarea"), function (element) {
      return toasts.contains(element) ? null : element.getBoundingClientRect();
    }).filter(function (other) {
      return other && other.width && other.right > box.left && other.left < box.right && other.bottom > top && other.top < innerHeight;
    }).sort(function (a, b) { return a.top - b.top; });
    // Where they are they stay, as long as nothing comes to lie under them.
    if (toasts.style.getPropertyValue("--top") && box.top >= top && taken.every(function (other) {
      return other.top >= box.bottom || other.bottom <= box.top;
    })) { return; }
    var free = top;
    taken.forEach(function (other) {
      if (other.top < free + box.height + EDGE) { free = Math.max(free, other.bottom + EDGE); }
    });
    toasts.style.setProperty("--top", (free + box.height <= innerHeight ? free : top) + "px");
  }
  document.addEventListener("hubdrawn", function (event) {
    if (event.target.closest && event.target.closest("#jobs")) { dismissSeen(); place(); }
  });

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("#jobs .btn-close") : null;
    if (button) { dismiss(button.closest(".job")); }
  });
})();
