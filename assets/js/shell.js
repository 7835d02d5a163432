// The address bar is the state: one callback mirrors address, filters and controls.
(function () {
  var COUNTED = ["billable", "spare"];
  var BY_STATUS = ["billable", "spare", "excluded"];

  function list(value) { return Array.isArray(value) ? value : value ? [value] : []; }

  // The canonical query of the filters; dashboard.filters.Filters.to_query writes the same.
  function write(f) {
    var query = new URLSearchParams();
    if (f.as_of) query.append("as_of", f.as_of);
    if (f.compare_to) query.append("compare_to", f.compare_to);
    if (f.basis && f.basis !== "assets") query.append("basis", f.basis);
    list(f.site).map(Number).sort(function (a, b) { return a - b; }).forEach(function (id) { query.append("site", id); });
    list(f.type).forEach(function (name) { query.append("type", name); });
    var statuses = BY_STATUS.filter(function (name) { return list(f.status).indexOf(name) >= 0; });
    if (statuses.length && statuses.join() !== COUNTED.join()) {
      statuses.forEach(function (name) { query.append("status", name); });
    }
    if (f.q) query.append("q", f.q);
    list(f.source).forEach(function (name) { query.append("source", name); });
    return query.toString();
  }

  function read(search) {
    var query = new URLSearchParams(search || "");
    return {
      as_of: query.get("as_of"), compare_to: query.get("compare_to"), basis: query.get("basis") || "assets",
      site: query.getAll("site").map(Number), type: query.getAll("type"), status: query.getAll("status"),
      q: query.get("q"), source: query.getAll("source"),
    };
  }

  function count(f) {
    return list(f.site).length + list(f.type).length + (list(f.status).length ? 1 : 0) +
      (f.as_of ? 1 : 0) + (f.compare_to ? 1 : 0) + (f.basis !== "assets" ? 1 : 0) + (f.q ? 1 : 0);
  }

  // "?" of an address kept as it came, so that the server may say what is wrong with it.
  function plain(search) { return (search || "").replace(/^\?/, ""); }

  function on(path, href) { return path === href || (href !== "/" && path.indexOf(href) === 0); }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    shell: {
      mirror: function (search, path, popped, site, as_of, compare_to, basis, type, status, clear, links) {
        var same = window.dash_clientside.no_update;
        var which = (window.dash_clientside.callback_context.triggered[0] || { prop_id: "" }).prop_id;
        var byControl = /^filter-/.test(which);
        var filters, text;
        if (byControl) {
          filters = which === "filter-clear.n_clicks" ? { basis: "assets" } :
            { site: site, as_of: as_of, compare_to: compare_to, basis: basis, type: type, status: status,
              q: read(location.search).q, source: read(location.search).source };
          text = write(filters);
          if (text === plain(location.search)) filters = null;
          else history.pushState({}, "", location.pathname + (text ? "?" + text : ""));
        } else {
          // A page link changes the address before this callback runs; it is what counts.
          filters = read(location.search);
          text = plain(location.search);
        }
        var now = read("?" + text);
        var shown = byControl && which !== "filter-clear.n_clicks" ? [same, same, same, same, same, same] :
          [now.site, now.as_of, now.compare_to, now.basis, now.type, now.status];
        document.documentElement.classList.toggle("sheet-open",
          byControl && document.documentElement.classList.contains("sheet-open"));
        var hrefs = links.map(function (link) { return link.page + (text ? "?" + text : ""); });
        var classes = links.map(function (link) { return on(location.pathname, link.page) ? "here" : ""; });
        var n = count(now);
        return [text].concat(shown, [hrefs, classes, n ? String(n) : ""]);
      },
      search: function (_, value) {
        var filters = read(location.search);
        filters.q = (value || "").trim() || null;
        var text = write(filters);
        return "/devices" + (text ? "?" + text : "");
      },
      theme: function () {
        var dark = document.documentElement.dataset.theme !== "dark";
        window.setTheme(dark);
        try { localStorage.setItem("theme", dark ? "dark" : "light"); } catch (refused) { /* not kept */ }
        return window.dash_clientside.no_update;
      },
      copy: function (clicks, done, before) {
        if (!clicks) return window.dash_clientside.no_update;
        navigator.clipboard.writeText(location.href);
        setTimeout(function () { window.dash_clientside.set_props("copy-text", { children: before }); }, 1600);
        return done;
      },
      sheet: function () {
        document.documentElement.classList.toggle("sheet-open");
        return window.dash_clientside.no_update;
      },
      focus: function () {
        var box = document.getElementById("search-text");
        if (box) { box.focus(); box.select(); }
        return window.dash_clientside.no_update;
      },
    },
  });

  function typing(target) { return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable; }

  var KEYS = { o: "/", d: "/devices" };
  var waiting = 0;
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") document.documentElement.classList.remove("sheet-open");
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") { event.preventDefault(); window.dash_clientside.shell.focus(); return; }
    if (event.key === "?") { window.dash_clientside.set_props("help", { is_open: true }); return; }
    if (event.key === "g") { waiting = Date.now(); return; }
    if (Date.now() - waiting < 1500) {
      waiting = 0;
      var page = KEYS[event.key];
      Array.prototype.forEach.call(document.querySelectorAll(".pages a"), function (link) {
        if (page && new URL(link.href).pathname === page) link.click();
      });
    }
  });
  // Back and forward over filters: the page's own location does not notice an address that it
  // did not set itself.
  window.addEventListener("popstate", function () {
    window.dash_clientside.set_props("popped", { data: Date.now() });
  });
  document.addEventListener("scroll", function () {
    document.documentElement.classList.toggle("scrolled", window.scrollY > 8);
  }, { passive: true });
  document.addEventListener("click", function (event) {
    if (event.target.classList && event.target.classList.contains("veil")) {
      document.documentElement.classList.remove("sheet-open");
    }
  });
})();
