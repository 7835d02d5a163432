// "Why this number?": any element with data-why opens the drawer of the shell. The drawer itself
// traps the focus, closes on Esc or a click beside it, and restores the focus.
(function () {
  "use strict";

  function setDrawer(props) { window.dash_clientside.set_props("drawer", props); }

  function openDrawer(button) {
    var set = window.dash_clientside.set_props;
    set("drawer-body", { children: null });
    set("drawer-asked", { data: { figure: button.dataset.why, query: button.dataset.query, at: Date.now() } });
    setDrawer({ is_open: true });
  }

  // In the capture phase, before the link or row around the button.
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target : null;
    var button = target && target.closest("[data-why]");
    if (button) {
      event.preventDefault();
      event.stopPropagation();
      openDrawer(button);
    } else if (target && target.closest("#drawer-close, #drawer a")) {
      // Its own close button, or a link that leads away.
      setDrawer({ is_open: false });
    }
  }, true);
  window.addEventListener("popstate", function () { setDrawer({ is_open: false }); });
})();
