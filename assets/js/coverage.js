/* What the page of coverage does in the browser. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  hub.coverage = {
    /* Other filters, a new snapshot or a decision: the grid asks again, where it stands. */
    ask_again: function (_query, _snapshot, _settled, grid) {
      var decided = window.dash_clientside.callback_context.triggered_id === "settled";
      window.dash_ag_grid.getApiAsync(grid).then(function (api) {
        if (decided) { api.refreshInfiniteCache(); return; }
        api.paginationGoToFirstPage();
        api.purgeInfiniteCache();
      });
      return window.dash_clientside.no_update;
    },

    /* A phone has room for the device, the state, the age and what to do. */
    fit: function (_query, grid) {
      var narrow = window.matchMedia("(max-width: 700px)").matches;
      window.dash_ag_grid.getApiAsync(grid).then(function (api) {
        if (!narrow) { return; }
        api.setColumnsVisible(["site", "decision", "kind"], false);
        api.moveColumns(["ask"], 1);
        api.setColumnWidths([{ key: "hostname", newWidth: 136 }, { key: "ask", newWidth: 96 }]);
      });
      return window.dash_clientside.no_update;
    },
  };

  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var element = function () { return window.React.createElement.apply(null, arguments); };

  /* An age in days as a bar: half a year fills it. */
  cells.HubAge = function (props) {
    if (typeof props.value !== "number") { return null; }
    var width = Math.max(2, Math.min(props.value / 180, 1) * 100);
    return element("span", { className: "age" },
      element("span", { className: "age-track", "aria-hidden": "true" },
        element("span", { className: "age-bar", style: { width: width + "%" } })),
      element("span", { className: "age-n" }, props.data.days));
  };

  /* The button of a row that asks for a job, through the dialog of the shell. */
  cells.HubAsk = function (props) {
    var asked = props.value;
    if (!asked) { return null; }
    var ask = function (event) {
      event.stopPropagation();
      window.dash_clientside.set_props("ask-for", { data: { job: asked.job, "with": JSON.stringify(asked["with"]), at: Date.now() } });
    };
    return element("button", { type: "button", className: "button small", onClick: ask,
      "aria-label": props.data.ask_words + ": " + props.data.hostname + ", " + props.data.kind }, props.data.ask_words);
  };
})();
