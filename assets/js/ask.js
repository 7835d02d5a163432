/* Buttons that ask for a job, or let choose what it is about: one listener for all of them, drawn or not. */
(function () {
  "use strict";

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button[data-job]") : null;
    if (!button || button.disabled) { return; }
    // The time makes a second press another one.
    var asked = { job: button.dataset.job, with: button.dataset.with, at: Date.now() };
    if (button.dataset.field) {
      asked.field = button.dataset.field;
      asked.what = button.dataset.what;
      window.dash_clientside.set_props("picking", { data: asked });
    } else {
      window.dash_clientside.set_props("ask-for", { data: asked });
    }
  });
})();
