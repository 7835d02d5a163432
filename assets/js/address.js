// The address bar is the state. Here: what an address says, and how a change of it is noticed.
(function () {
  var COUNTED = ["billable", "spare"];

  // The statuses that a page takes when its address names none; those of most pages need no choice.
  function usual(page) { return page === "/changes" ? ["billable"] : []; }

  // Who manages a machine is asked in its list alone, for records are managed by one.
  function managed(f, page) { return page === "/devices" && f.basis === "assets" ? f.managed_by : []; }

  // Every value is text, as in the address; what cannot be is for the server to refuse.
  function read(search) {
    var query = new URLSearchParams(search || "");
    return {
      as_of: query.get("as_of"), compare_to: query.get("compare_to"), basis: query.get("basis") || "assets",
      site: query.getAll("site"), location: query.getAll("location"), type: query.getAll("type"), status: query.getAll("status"),
      q: query.get("q"), source: query.getAll("source"), managed_by: query.getAll("managed_by"), change: query.getAll("change"),
      kind: query.getAll("kind"), state: query.getAll("state"),
    };
  }

  // The canonical query of a page; dashboard.filters.Filters.to_query writes the same.
  function write(f, page) {
    var statuses = usual(page).length ? usual(page) : COUNTED;
    var query = new URLSearchParams();
    if (f.as_of) query.append("as_of", f.as_of);
    if (f.compare_to) query.append("compare_to", f.compare_to);
    if (f.basis && f.basis !== "assets") query.append("basis", f.basis);
    f.site.slice().sort(function (a, b) { return a - b; }).forEach(function (id) { query.append("site", id); });
    f.location.forEach(function (name) { query.append("location", name); });
    f.type.forEach(function (name) { query.append("type", name); });
    if (f.status.join() !== statuses.join()) {
      f.status.forEach(function (name) { query.append("status", name); });
    }
    if (f.q) query.append("q", f.q);
    f.source.forEach(function (name) { query.append("source", name); });
    managed(f, page).forEach(function (name) { query.append("managed_by", name); });
    if (page === "/changes") f.change.forEach(function (name) { query.append("change", name); });
    if (page === "/coverage") {
      f.kind.forEach(function (name) { query.append("kind", name); });
      f.state.forEach(function (name) { query.append("state", name); });
    }
    return query.toString();
  }

  // How many chips the filters make.
  function count(f, page) {
    var statuses = usual(page).length ? usual(page) : COUNTED;
    var single = [f.as_of, f.compare_to, f.basis !== "assets", f.q].filter(Boolean).length;
    var status = f.status.length && f.status.join() !== statuses.join() ? 1 : 0;
    return single + status + f.site.length + f.location.length + f.type.length + f.source.length + managed(f, page).length + (page === "/changes" ? f.change.length : 0)
      + (page === "/coverage" ? f.kind.length + f.state.length : 0);
  }

  // The pages of machines are about now: their address means nothing to other pages, nor theirs to them.
  function live(page) { return page === "/machines" || page.indexOf("/machines/") === 0; }

  // So are those of the settings.
  function own(page) { return live(page) || page === "/settings" || page.indexOf("/settings/") === 0; }

  function tell() { window.dash_clientside.set_props("moved", { data: Date.now() }); }

  // Another query of the page that is shown: a step in the history, but no new page.
  function go(text) {
    history.pushState({}, "", location.pathname + (text ? "?" + text : ""));
    tell();
  }

  // Another page, the way Dash's own links go there.
  function open(page, text) {
    history.pushState({}, "", page + (text ? "?" + text : ""));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  var path = location.pathname;
  // Dash's own Location does not know the steps above and would miss, or answer, the wrong ones.
  // So a step inside one page is told to nobody else; only a step to another page is.
  function step(event) {
    if (location.pathname === path) event.stopImmediatePropagation();
    path = location.pathname;
    tell();
  }
  window.addEventListener("popstate", step);
  window.addEventListener("_dashprivate_pushstate", step);

  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[href]") : null;
    var other = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || other || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.pathname !== location.pathname || link.hash) return;
    event.preventDefault();
    event.stopPropagation();
    if (link.search !== location.search) go(link.search.slice(1));
  }, true);

  window.hubAddress = { own: own, live: live, usual: usual, read: read, write: write, count: count, go: go, open: open };
})();
