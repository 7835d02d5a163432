// While the database, or the server, does not answer: ask again and again, and load the page anew when it does.
// It is part of every page, and the only script of the one that stands in for them (no_database.html).
(function () {
  var EVERY = 2000;
  // An error that stays although the database answers must not make the page load for ever.
  var BETWEEN_RELOADS = 15000;
  var script = document.currentScript, waiting = false;

  // Load the page anew, unless the same reason has just done it; whether it does.
  function reload(reason) {
    try {
      if (Date.now() - Number(sessionStorage.getItem(reason)) < BETWEEN_RELOADS) return false;
      sessionStorage.setItem(reason, String(Date.now()));
    } catch (refused) { return false; }
    location.reload();
    return true;
  }
  // Not under the hands of somebody who decides something, or writes.
  function inUse() {
    var focused = document.activeElement;
    return document.querySelector(".modal.show") ||
      (focused && focused.matches("input:not([type=checkbox]):not([type=radio]), textarea") && focused.value);
  }
  // The status of /api/health: 200, 503 when the database cannot be read, 0 when the server does not answer.
  function health() {
    return fetch("/api/health", { cache: "no-store" }).then(function (answer) { return answer.status; }, function () { return 0; });
  }
  function ask() {
    health().then(function (status) {
      if (status !== 200 || inUse() || !reload("hub-back")) setTimeout(ask, EVERY);
    });
  }
  window.hubHealth = health;
  window.hubReload = function () { reload("hub-gone"); };
  window.hubRecover = function () {
    if (waiting) return;
    waiting = true;
    ask();
  };
  if (script && script.dataset.recover) window.hubRecover();
})();
