// "Why this number?": any element with data-why opens the drawer of the shell. The dialog element
// itself traps the focus, closes on Esc and restores the focus.
(function () {
  "use strict";

  function drawer() { return document.getElementById("drawer"); }

  function openDrawer(button) {
    var set = window.dash_clientside.set_props;
    set("drawer-body", { children: null });
    set("drawer-asked", { data: { figure: button.dataset.why, query: button.dataset.query, at: Date.now() } });
    drawer().showModal();
    document.getElementById("drawer-close").focus();
  }

  // In the capture phase, before the link or row around the button.
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target : null;
    var button = target && target.closest("[data-why]");
    if (button) {
      event.preventDefault();
      event.stopPropagation();
      openDrawer(button);
    } else if (target && drawer() && drawer().open) {
      // Its own close button, a link that leads away, or the page behind it.
      if (target === drawer() || target.closest("#drawer-close") || target.closest("#drawer a")) drawer().close();
    }
  }, true);
  window.addEventListener("popstate", function () {
    if (drawer() && drawer().open) drawer().close();
  });
})();
