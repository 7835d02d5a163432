/* The pages of machines: their filters in the address, their rows told anew. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  var nothing = function () { return window.dash_clientside.no_update; };
  var FIELDS = ["state", "site", "os"];
  var CONTROLS = ["machines-field-state.value", "machines-field-site.value", "machines-field-os.value"];
  var KEYED = [false, true, true];
  var STATES = ["online", "late", "offline"];
  var shown = null;

  function list(value) { return Array.isArray(value) ? value : value ? [value] : []; }

  hub.machines = {
    /* Address and controls are one: whichever moved, the other follows. Keys stand for names. */
    fields: function (_query, names, state, site, os) {
      if (!window.hubAddress.searched(location.pathname)) { return FIELDS.map(nothing); }
      var given = [state, site, os].map(list);
      var query = new URLSearchParams(location.search);
      var keys = new Map(Object.keys(names || {}).map(function (key) { return [names[key], key]; }));
      var named = FIELDS.map(function (name, i) {
        var values = query.getAll(name);
        return KEYED[i] ? values.filter(function (one) { return keys.has(one); }).map(function (one) { return keys.get(one); })
          // A control drops what it does not offer; that must not change the address, which says it is wrong.
          : values.filter(function (one) { return STATES.indexOf(one) >= 0; });
      });
      var triggered = window.dash_clientside.callback_context.triggered.map(function (one) { return one.prop_id; });
      var moved = CONTROLS.map(function (control, i) {
        return triggered.indexOf(control) >= 0 && given[i].slice().sort().join() !== named[i].slice().sort().join();
      });
      if (!moved.some(Boolean) || triggered.indexOf("filters.data") >= 0 || triggered.indexOf("machines-names.data") >= 0) {
        return named.map(function (values, i) { return given[i].join() === values.join() ? nothing() : values; });
      }
      FIELDS.forEach(function (name, i) {
        if (!moved[i]) { return; }
        // What the address names and nobody offers stays: its chip shows it.
        var kept = KEYED[i] ? query.getAll(name).filter(function (one) { return !keys.has(one); }) : [];
        var chosen = given[i].map(function (key) { return KEYED[i] ? names[key] : key; });
        query.delete(name);
        chosen.concat(kept).forEach(function (value) { query.append(name, value); });
      });
      window.hubAddress.go(query.toString());
      return FIELDS.map(nothing);
    },

    /* Other filters: what the grid remembers is of no use. Another order alone, the grid asked for. */
    ask_again: function (query, grid) {
      var which = new URLSearchParams(query || "");
      which.delete("sort");
      which.delete("top");
      var same = shown === which.toString();
      shown = which.toString();
      var sort = new URLSearchParams(query || "").get("sort") || "";
      window.dash_ag_grid.getApiAsync(grid).then(function (api) {
        var column = sort.replace(/^-/, "");
        var now = api.getColumnState().filter(function (one) { return one.sort; })[0];
        var has = now ? (now.sort === "desc" ? "-" : "") + now.colId : "";
        if (has !== sort && !(has === "hostname" && !sort)) {
          api.applyColumnState({
            state: column ? [{ colId: column, sort: sort.charAt(0) === "-" ? "desc" : "asc" }] : [],
            defaultState: { sort: null },
          });
        }
        if (!same) {
          api.paginationGoToFirstPage();
          api.purgeInfiniteCache();
        }
      });
      return nothing();
    },

    /* A minute later: the same rows, told anew where they are. */
    refresh: function (_ticks, grid) {
      window.dash_ag_grid.getApiAsync(grid).then(function (api) { api.refreshInfiniteCache(); });
      return nothing();
    },

    /* The order of the grid stands in the address. */
    sorted: function (request) {
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

  /* The name, and a mark on one id that two machines share. */
  cells.HubMachine = function (props) {
    var mark = props.data && props.data.cloned
      ? element("span", { className: "pill pill-warning", title: props.about }, props.mark) : null;
    return element("span", { className: "machine-name" }, element(cells.HubLink, props), mark);
  };

  /* A state in words and shape, and since when the machine is silent. */
  cells.HubState = function (props) {
    if (!props.value) { return null; }
    return element("span", { className: "machine-state" },
      element("span", { className: "pill pill-" + String(props.value).replace(/[^a-z]/g, "-") }, props.words[props.value] || props.value),
      element("span", { className: "since" }, props.data.since));
  };

  /* A percentage as a number and a tiny bar. */
  cells.HubMeter = function (props) {
    if (typeof props.value !== "number") { return null; }
    var full = Math.max(0, Math.min(100, props.value));
    return element("span", { className: "meter" + (full >= 90 ? " high" : "") },
      element("span", { className: "meter-n" }, Math.round(full) + "\u00a0%"),
      element("span", { className: "meter-track" }, element("span", { className: "meter-bar", style: { width: full + "%" } })));
  };

  /* An address that names a place on the page waits until the place is there. */
  if (location.hash === "#charts") {
    var tries = 0;
    var wait = setInterval(function () {
      var place = document.getElementById("charts");
      if (place && place.childElementCount) { place.scrollIntoView(); }
      if ((place && place.childElementCount) || ++tries > 100) { clearInterval(wait); }
    }, 100);
  }
})();
