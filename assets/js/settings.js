/* The pages of the settings: their filters stand in the address. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  var nothing = function () { return window.dash_clientside.no_update; };
  var NAMES = ["actor", "action", "q", "from", "to"];
  var MANY = [true, true, false, false, false];

  function list(value) { return Array.isArray(value) ? value : value ? [value] : []; }
  function same(one, other) { return one.slice().sort().join("\n") === other.slice().sort().join("\n"); }

  hub.settings = {
    /* What is searched for; with it, all states. */
    search: function (text) {
      var query = new URLSearchParams(location.search);
      var wanted = (text || "").trim();
      if ((query.get("q") || "") === wanted) { return nothing(); }
      query.delete("q");
      if (wanted) { query.append("q", wanted); }
      window.hubAddress.go(query.toString());
      return nothing();
    },

    /* Address and controls are one: whichever moved, the other follows. */
    audit: function () {
      var given = Array.prototype.slice.call(arguments, 1, 6).map(list);
      var query = new URLSearchParams(location.search);
      var named = NAMES.map(function (name) { return query.getAll(name); });
      var triggered = window.dash_clientside.callback_context.triggered.map(function (one) { return one.prop_id; });
      if (!triggered.length || triggered.indexOf("filters.data") >= 0) {
        var shown = named.map(function (values, i) {
          return same(values, given[i]) ? nothing() : MANY[i] ? values : values[0] || (i === 2 ? "" : null);
        });
        return shown.concat([shown[2]]);
      }
      var still = NAMES.concat(["typed"]).map(nothing);
      if (named.every(function (values, i) { return same(values, given[i]); })) { return still; }
      NAMES.forEach(function (name, i) {
        query.delete(name);
        given[i].forEach(function (value) { if (String(value).trim()) { query.append(name, String(value).trim()); } });
      });
      query.delete("offset");
      window.hubAddress.go(query.toString());
      return still;
    },
  };
})();
