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

  /* Toasts: one that is done goes after some seconds, not while the pointer or the focus is in it. */
  var seen = {};

  function dismiss(toast) {
    toast.hidden = true;
    setProps("jobs-dismissed", { data: { ids: [Number(toast.dataset.id)] } });
  }

  function held(toast) { return toast.matches(":hover") || toast.contains(document.activeElement); }

  setInterval(function () {
    Array.prototype.forEach.call(document.querySelectorAll("#jobs .job-done:not([hidden])"), function (toast) {
      var id = toast.dataset.id;
      if (!seen[id] || held(toast)) { seen[id] = Date.now(); }
      else if (Date.now() - seen[id] >= SECONDS * 1000) { dismiss(toast); }
    });
  }, 500);

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("#jobs .btn-close") : null;
    if (button) { dismiss(button.closest(".job")); }
  });
})();
