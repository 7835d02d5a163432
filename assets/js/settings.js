/* Pages of the settings: keep their filters and the address in step. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  var nothing = function () { return window.dash_clientside.no_update; };
  var NAMES = ["actor", "action", "q", "from", "to"];
  var MANY = [true, true, false, false, false];

  // The values of a field: a choice of several holds a JSON list.
  function list(value, i) { return MANY[i] ? JSON.parse(value || "[]") : value ? [value] : []; }
  function same(values, others) { return values.slice().sort().join("\n") === others.slice().sort().join("\n"); }

  hub.settings = {
    /* Write the search text into the address. */
    /* The fields of a token for a program, and those of one for machines. */
    token_parts: function (kind) { return [kind !== "api", kind === "api"]; },

    is_untyped: function (typed, wanted) {
      function plain(text) { return (text || "").trim().replace(/\s+/g, " ").toLowerCase(); }
      return !wanted || plain(typed) !== plain(wanted.typed);
    },

    search: function (text) {
      var query = new URLSearchParams(location.search);
      var term = (text || "").trim();
      if ((query.get("q") || "") === term) { return nothing(); }
      query.delete("q");
      if (term) { query.append("q", term); }
      window.hubAddress.go(query.toString());
      return nothing();
    },

    /* Keep the audit log's filter controls and the address in step. */
    sync_audit_filters: function () {
      var given = Array.prototype.slice.call(arguments, 1, 6).map(list);
      var query = new URLSearchParams(location.search);
      var named = NAMES.map(function (name) { return query.getAll(name); });
      var triggered = window.dash_clientside.callback_context.triggered.map(function (input) { return input.prop_id; });
      if (!triggered.length || triggered.indexOf("filters.data") >= 0) {
        return named.map(function (values, i) {
          return same(values, given[i]) ? nothing() : MANY[i] ? JSON.stringify(values) : values[0] || "";
        });
      }
      var unchanged = NAMES.map(nothing);
      if (named.every(function (values, i) { return same(values, given[i]); })) { return unchanged; }
      NAMES.forEach(function (name, i) {
        query.delete(name);
        given[i].forEach(function (value) { if (String(value).trim()) { query.append(name, String(value).trim()); } });
      });
      query.delete("offset");
      window.hubAddress.go(query.toString());
      return unchanged;
    },
  };

  /* The buttons in the rows of users and tokens, and those that copy a secret. */
  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button[data-act], button[data-copy]") : null;
    if (!button) { return; }
    if (button.dataset.copy) { window.hubCopy(button.dataset.copy); return; }
    var what = Object.assign(JSON.parse(button.dataset.act), { at: Date.now() });
    window.dash_clientside.set_props(button.dataset.store, { data: what });
  });
})();
