/* Pages of machines: keep filters, sort order and address in step, and reload the grid's rows. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  var nothing = function () { return window.dash_clientside.no_update; };
  var FIELDS = ["state", "site", "os"];
  var CONTROLS = FIELDS.map(function (name) { return "machines-field-" + name + ".data-value"; });
  var lastQuery = null;

  // One empty value, such as that of no site, is not the same as none.
  function same(some, others) { return JSON.stringify(some.slice().sort()) === JSON.stringify(others.slice().sort()); }

  hub.machines = {
    /* Keep the filter controls and the address in step. */
    sync_fields: function () {
      if (!window.hubAddress.searchPage(location.pathname)) { return FIELDS.map(nothing); }
      var given = Array.prototype.slice.call(arguments, 1, 4).map(function (value) { return JSON.parse(value || "[]"); });
      var offered = Array.prototype.slice.call(arguments, 4).map(function (options) {
        return JSON.parse(options || "[]").map(function (option) { return option[1]; });
      });
      var query = new URLSearchParams(location.search);
      // The address keeps values that no option offers, for the chips and the error message.
      var named = FIELDS.map(function (name, i) {
        return query.getAll(name).filter(function (value) { return offered[i].indexOf(value) >= 0; });
      });
      var triggered = window.dash_clientside.callback_context.triggered.map(function (input) { return input.prop_id; });
      var moved = CONTROLS.map(function (control, i) {
        return triggered.indexOf(control) >= 0 && !same(given[i], named[i]);
      });
      var others = triggered.some(function (id) { return CONTROLS.indexOf(id) < 0; });
      if (!moved.some(Boolean) || others) {
        return named.map(function (values, i) { return same(given[i], values) ? nothing() : JSON.stringify(values); });
      }
      FIELDS.forEach(function (name, i) {
        if (!moved[i]) { return; }
        var kept = query.getAll(name).filter(function (value) { return offered[i].indexOf(value) < 0; });
        query.delete(name);
        given[i].concat(kept).forEach(function (value) { query.append(name, value); });
      });
      window.hubAddress.go(query.toString());
      return FIELDS.map(nothing);
    },

    /* Other filters: drop the grid's cached rows. If only the order changed, the grid reloads by itself. */
    reload_rows: function (query, grid) {
      var filters = new URLSearchParams(query || "");
      filters.delete("sort");
      filters.delete("top");
      var same = lastQuery === filters.toString();
      lastQuery = filters.toString();
      var sort = new URLSearchParams(query || "").get("sort") || "";
      window.dash_ag_grid.getApiAsync(grid).then(function (api) {
        var column = sort.replace(/^-/, "");
        var sorted = api.getColumnState().filter(function (state) { return state.sort; })[0];
        var current = sorted ? (sorted.sort === "desc" ? "-" : "") + sorted.colId : "";
        if (current !== sort && !(current === "hostname" && !sort)) {
          api.applyColumnState({
            state: column ? [{ colId: column, sort: sort.charAt(0) === "-" ? "desc" : "asc" }] : [],
            defaultState: { sort: null },
          });
        }
        if (!same) { window.hubRows.reload(grid); }
      });
      return nothing();
    },

    /* Every minute: reload the rows in place. */
    refresh: function (_ticks, grid) {
      window.dash_ag_grid.getApiAsync(grid).then(function (api) { api.refreshInfiniteCache(); });
      return nothing();
    },

    /* Write the grid's sort order into the address. */
    store_order: function (request) {
      var model = (request && request.sortModel) || [];
      var sort = model.length ? (model[0].sort === "desc" ? "-" : "") + model[0].colId : "";
      var query = new URLSearchParams(location.search);
      if (sort === "hostname") { sort = ""; }
      if (!request || (query.get("sort") || "") === sort) { return nothing(); }
      query.delete("sort");
      if (sort) { query.append("sort", sort); }
      window.hubAddress.go(query.toString());
      return nothing();
    },
  };

  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var element = function () { return window.React.createElement.apply(null, arguments); };

  /* The name, with a warning if two machines share its id. */
  cells.HubMachine = function (props) {
    var mark = props.data && props.data.cloned
      ? element("span", { className: "pill pill-warning", title: props.about }, props.mark) : null;
    return element("span", { className: "machine-name" }, element(cells.HubLink, props), mark);
  };

  /* The state as a pill, and the time since the last report. */
  cells.HubState = function (props) {
    if (!props.value) { return null; }
    return element("span", { className: "machine-state" },
      element("span", { className: "pill pill-" + String(props.value).replace(/[^a-z]/g, "-") }, props.words[props.value] || props.value),
      hub.pages.stale(props) || element("span", { className: "since" }, props.data.since));
  };

  /* A percentage as a number and a tiny bar. */
  cells.HubMeter = function (props) {
    if (typeof props.value !== "number") { return null; }
    var full = Math.max(0, Math.min(100, props.value));
    return element("span", { className: "meter" + (full >= 90 ? " high" : "") },
      element("span", { className: "meter-n" }, (Math.round(full) / 100).toLocaleString(document.documentElement.lang || "en", { style: "percent" })),
      element("span", { className: "meter-track" }, element("span", { className: "meter-bar", style: { width: full + "%" } })));
  };

  /* #charts in the address: scroll once the charts are drawn. */
  if (location.hash === "#charts") {
    var tries = 0;
    var wait = setInterval(function () {
      var place = document.getElementById("charts");
      if (place && place.childElementCount) { place.scrollIntoView(); }
      if ((place && place.childElementCount) || ++tries > 100) { clearInterval(wait); }
    }, 100);
  }
})();
