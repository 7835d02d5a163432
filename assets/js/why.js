// "Why this number?": a button anywhere asks, the drawer of the shell answers. The dialog element
// itself keeps the focus inside, closes on Esc and gives the focus back.
(function () {
  "use strict";

  function drawer() { return document.getElementById("drawer"); }

  function ask(button) {
    var set = window.dash_clientside.set_props;
    set("drawer-body", { children: null });
    set("drawer-asked", { data: { figure: button.dataset.why, query: button.dataset.query, at: Date.now() } });
    drawer().showModal();
    document.getElementById("drawer-close").focus();
  }

  // Before the link or the row that a button stands in.
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target : null;
    var button = target && target.closest("[data-why]");
    if (button) {
      event.preventDefault();
      event.stopPropagation();
      ask(button);
    } else if (target && drawer() && drawer().open) {
      // Its own close button, a link that leads away, or the page behind it.
      if (target === drawer() || target.closest("#drawer-close") || target.closest("#drawer a")) drawer().close();
    }
  }, true);
  window.addEventListener("popstate", function () {
    if (drawer() && drawer().open) drawer().close();
  });
})();
