/* One listener for all buttons that start a job, or open the picker for one of its arguments. */
(function () {
  "use strict";

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button[data-job]") : null;
    if (!button || button.disabled) { return; }
    // The time makes a second press a new value of the store.
    var request = { job: button.dataset.job, with: button.dataset.with, at: Date.now() };
    if (button.dataset.field) {
      request.field = button.dataset.field;
      request.what = button.dataset.what;
      window.dash_clientside.set_props("picking", { data: request });
    } else {
      window.dash_clientside.set_props("ask-for", { data: request });
    }
  });
})();
