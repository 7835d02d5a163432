/* Browser side of the coverage page. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  hub.coverage = {
    /* Reload the grid: in place after a decision, from the first page after other filters or a new snapshot. */
    reload_rows: function (_query, _snapshot, _settled, grid) {
      var decided = window.dash_clientside.callback_context.triggered_id === "settled";
      if (!decided) { window.hubRows.reload(grid); }
      else { window.dash_ag_grid.getApiAsync(grid).then(function (api) { api.refreshInfiniteCache(); }); }
      return window.dash_clientside.no_update;
    },

    /* On a phone: only device, state, age and the action. */
    fit_columns: function (_query, grid) {
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

  /* An age in days as a bar, full at 180 days. */
  cells.HubAge = function (props) {
    if (typeof props.value !== "number") { return null; }
    var width = Math.max(2, Math.min(props.value / 180, 1) * 100);
    return element("span", { className: "age" },
      element("span", { className: "age-track", "aria-hidden": "true" },
        element("span", { className: "age-bar", style: { width: width + "%" } })),
      element("span", { className: "age-n" }, props.data.days));
  };

  /* A row's button that opens the dialog of a job. */
  cells.HubAsk = function (props) {
    var request = props.value;
    if ((props.data || {}).ask_why) {
      return element("button", { type: "button", className: "btn btn-secondary btn-sm refused", "aria-disabled": "true",
        "data-why": props.data.ask_why,
        "aria-label": props.data.ask_words + ": " + props.data.hostname + ", " + props.data.kind + ". " + props.data.ask_why },
      props.data.ask_words);
    }
    if (!request) { return null; }
    var ask = function (event) {
      event.stopPropagation();
      window.dash_clientside.set_props("ask-for", { data: { job: request.job, "with": JSON.stringify(request["with"]), at: Date.now() } });
    };
    return element("button", { type: "button", className: "btn btn-secondary btn-sm", onClick: ask,
      "aria-label": props.data.ask_words + ": " + props.data.hostname + ", " + props.data.kind }, props.data.ask_words);
  };
})();
