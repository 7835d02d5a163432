/* Browser side of several pages, and cell renderers of the grids. Texts and addresses come from the server. */
(function () {
  "use strict";

  var hub = (window.dash_clientside = window.dash_clientside || {});
  var nothing = function () { return window.dash_clientside.no_update; };

  function onPhone() { return window.matchMedia("(max-width: 700px)").matches; }

  // On a phone the columns that answer the page's question stand first.
  function forPhone(api) {
    var columns = (api.getGridOption("context") || {}).phone || [];
    if (api.hubPhone || !columns.length || !onPhone()) { return; }
    api.hubPhone = true;
    api.setColumnWidths(columns);
    api.moveColumns(columns.slice(1).map(function (column) { return column.key; }), 1);
  }

  // Without sideways scrolling from 1280 pixels on.
  function forNarrow(api) {
    var columns = (api.getGridOption("context") || {}).wide || [];
    if (columns.length && window.matchMedia("(min-width: 701px) and (max-width: 1400px)").matches) {
      api.setColumnsVisible(columns, false);
    }
  }

  // Columns that have nothing to show on this day, until an answer has something for them.
  function hideColumns(api, hidden) {
    var before = api.hubHidden || [];
    if (before.join() === hidden.join()) { return; }
    api.hubHidden = hidden;
    api.setColumnsVisible(before, true);
    api.setColumnsVisible(hidden, false);
  }

  // A grid says how many rows it has once it knows; until then that it loads. Its events come late: a grid whose
  // page was left by then answers nothing.
  function counted(api) {
    if (api.isDestroyed()) { return; }
    var grid = document.getElementById(api.getGridOption("context").name), hidden = null;
    api.forEachNode(function (node) { hidden = hidden || (node.data && node.data.hidden); });
    if (hidden) { hideColumns(api, hidden); }
    if (grid) { grid.classList.toggle("counted", api.isLastRowIndexKnown() === true); }
    if (grid && api.isLastRowIndexKnown()) { fitRows(api, grid); }
  }

  // A grid of a few rows is no higher than they are.
  var FEW = 20, ROOM_OF_NONE = 3;
  function fitRows(api, grid) {
    var rows = api.getDisplayedRowCount(), box = grid.querySelector(".ag-body-viewport"), card = grid.closest(".grid-card");
    if (!box || !card || !box.clientHeight) { return; }
    if (rows > FEW) { card.style.removeProperty("--rows-height"); return; }
    var around = card.offsetHeight - box.clientHeight;
    card.style.setProperty("--rows-height", around + (rows || ROOM_OF_NONE) * api.getGridOption("rowHeight") + "px");
  }

  document.addEventListener("hubgrid", function (event) {
    var api = event.detail;
    forPhone(api);
    forNarrow(api);
    counted(api);
    api.addEventListener("modelUpdated", function () { counted(api); });
  });

  // On paper a grid is a table of the rows that it has read, in the width of the paper.
  function printedText(column, value) {
    var words = (column.cellRendererParams || {}).words || {};
    if (Array.isArray(value)) { return value.join("; "); }
    if (typeof value === "number") { return value.toLocaleString(document.documentElement.lang || "en"); }
    return String(value === null || value === undefined ? "" : value).split(", ")
      .map(function (part) { return words[part] || part; }).join(", ");
  }

  function printedTable(api) {
    var rows = [];
    api.forEachNode(function (node) { if (node.data) { rows.push(node.data); } });
    // What a column draws or offers to press is no text.
    var columns = api.getAllDisplayedColumns().map(function (column) { return column.getColDef(); })
      .filter(function (column) {
        return ["query", "trend"].indexOf(column.field) < 0 && !rows.some(function (data) {
          var value = data[column.field];
          return value && typeof value === "object" && !Array.isArray(value);
        });
      });
    var table = document.createElement("table");
    table.className = "table printed";
    var head = table.createTHead().insertRow();
    columns.forEach(function (column) {
      var cell = document.createElement("th");
      cell.textContent = column.headerName;
      cell.className = column.type === "rightAligned" ? "figure" : "printed-" + column.field;
      head.appendChild(cell);
    });
    var body = table.createTBody();
    rows.concat(api.getGridOption("pinnedBottomRowData") || []).forEach(function (data) {
      var row = body.insertRow();
      columns.forEach(function (column) {
        var cell = row.insertCell();
        cell.textContent = printedText(column, data[column.field]);
        cell.className = column.type === "rightAligned" ? "figure" : "";
      });
    });
    var all = api.getDisplayedRowCount() && api.paginationGetRowCount();
    if (all > rows.length) {
      table.createCaption().textContent = (api.getGridOption("context").more || "").replace("{n}", rows.length).replace("{all}", all);
    }
    return table;
  }

  // Charts shrink to the paper as pictures do; drawn anew they would come too late for it. Their place keeps the
  // proportions: Plotly sets the sizes of what is in it again whenever it likes.
  function printedChart(place, on) {
    var box = place.querySelector(".svg-container").getBoundingClientRect();
    Array.prototype.forEach.call(place.querySelectorAll(".main-svg"), function (svg) {
      if (on) { svg.setAttribute("viewBox", "0 0 " + svg.getAttribute("width") + " " + svg.getAttribute("height")); }
      else { svg.removeAttribute("viewBox"); }
    });
    if (on && box.height) { place.style.setProperty("--printed", box.width + " / " + box.height); }
    else { place.style.removeProperty("--printed"); }
  }

  function printed(on) {
    Array.prototype.forEach.call(document.querySelectorAll(".chart:has(.svg-container)"), function (place) { printedChart(place, on); });
    Array.prototype.forEach.call(document.querySelectorAll("table.printed"), function (table) { table.remove(); });
    if (!on) { return; }
    Array.prototype.forEach.call(document.querySelectorAll(".grid"), function (grid) {
      var api = !grid.closest("[hidden]") && window.dash_ag_grid.getApi(grid.id);
      if (api) { grid.after(printedTable(api)); }
    });
    var head = document.getElementById("print-head");
    if (head) { head.textContent = document.title; }
  }
  window.addEventListener("beforeprint", function () { printed(true); });
  window.addEventListener("afterprint", function () { printed(false); });

  hub.pages = {
    /* A click on a bar of a chart opens the address in its customdata. */
    follow: function () {
      var triggered = window.dash_clientside.callback_context.triggered[0];
      var point = triggered && triggered.value && triggered.value.points && triggered.value.points[0];
      var href = point && point.customdata;
      if (typeof href !== "string" || href.charAt(0) !== "/" || href.charAt(1) === "/") { return nothing(); }
      var page = href.split("?")[0];
      var query = href.split("?")[1] || "";
      if (page === location.pathname) { window.hubAddress.go(query); } else { window.hubAddress.open(page, query); }
      return nothing();
    },

    /* Copy the text, and say so. */
    copy: function (clicks, text) {
      if (clicks && text) { window.hubCopy(text); }
      return nothing();
    },

    /* Other filters or a new snapshot: drop the grid's cached rows. */
    reload_rows: function (_query, _snapshot, grid) {
      window.hubRows.reload(grid);
      return nothing();
    },
  };

  /* What the address asked for comes into view when it is there: once, until something else is asked for, and not
     if the upper half of the window has it already. Back returns to where the page stood (views.js). */
  var scrolled = "";
  document.addEventListener("hubdrawn", function (event) {
    var place = event.target.closest("[data-scroll-to]") || event.target.querySelector("[data-scroll-to]");
    if (!place) {
      if (!document.querySelector("[data-scroll-to]")) { scrolled = ""; }
      return;
    }
    var asked = location.pathname + " " + place.dataset.scrollTo;
    if (scrolled === asked) { return; }
    scrolled = asked;
    var top = place.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight / 2) { place.scrollIntoView({ block: "start" }); }
  });

  /* A click on a column head of the site table sorts it on the server. */
  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("[data-order]") : null;
    if (button) { window.dash_clientside.set_props("sites-order", { data: JSON.parse(button.dataset.order) }); }
  });

  /* Pin the row of totals under the grid's rows. */
  hub.pages.pin_totals = function (row, grid) {
    window.dash_ag_grid.getApiAsync(grid).then(function (api) {
      api.setGridOption("pinnedBottomRowData", row ? [row] : []);
    });
    return nothing();
  };

  /* Lists of spare or excluded devices alone show the reason in place of system and serial number. */
  hub.pages.fit_columns = function (query, grid) {
    var statuses = new URLSearchParams(query || "").getAll("status");
    var why = statuses.length > 0 && statuses.indexOf("billable") < 0;
    window.dash_ag_grid.getApiAsync(grid).then(function (api) {
      api.setColumnsVisible(["reason"], why);
      api.setColumnsVisible(["os", "serial"], !why);
    });
    return nothing();
  };

  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var element = function () { return window.React.createElement.apply(null, arguments); };

  /* A link to the row's own page, with the current filters; on a phone the column `second` stands below it. */
  cells.HubLink = function (props) {
    if (!props.value || !props.data || props.data[props.id] === undefined) { return props.value || null; }
    var query = location.search.slice(1);
    if (props.without) {
      var kept = new URLSearchParams(query);
      [].concat(props.without).forEach(function (name) { kept.delete(name); });
      query = kept.toString();
    }
    var page = props.page + props.data[props.id];
    var link = element("a", { href: page + (query ? "?" + query : ""), className: "cell-link" }, props.value);
    if (!props.second || !onPhone()) { return link; }
    return element("span", { className: "cell-two" }, link, element("span", { className: "cell-second" }, props.data[props.second]));
  };

  /* The link that a grid's row opens as a whole; null outside of rows. */
  function linkOfRow(target) {
    var row = target.closest && target.closest(".ag-row");
    return row && row.closest(".ag-root").querySelector(
      ".ag-pinned-left-cols-container [row-index='" + row.getAttribute("row-index") + "'] .cell-link");
  }

  /* A click between the links and buttons of a row opens the row; a text that is being selected doesn't. */
  function openRow(event) {
    if (event.defaultPrevented || event.target.closest("a, button, input, label") || String(getSelection())) { return; }
    var link = linkOfRow(event.target);
    if (link) { link.dispatchEvent(new MouseEvent("click", event)); }
  }
  document.addEventListener("click", openRow);
  document.addEventListener("auxclick", function (event) {
    if (event.button === 1 && !event.target.closest("a")) {
      var link = linkOfRow(event.target);
      if (link) { window.open(link.href); }
    }
  });

  /* Enter on a cell opens its number, or the row. */
  document.addEventListener("keydown", function (event) {
    var cell = event.key === "Enter" && event.target.classList.contains("ag-cell") && event.target;
    var link = cell && (cell.querySelector("a[href]") || linkOfRow(cell));
    if (link) { link.click(); }
  });

  /* The "why" button of a row's figure; why.js handles the click. */
  cells.HubWhy = function (props) {
    if (typeof props.value !== "string") { return null; }
    return element("button", { className: "why", type: "button", title: props.about, "aria-label": props.about,
      "aria-haspopup": "dialog", "data-why": props.figure || "count", "data-query": props.value },
      element("span", { className: "icon icon-why", "aria-hidden": "true" }));
  };

  /* A number; the row's `opens` has the address of exactly what it counts, by column. */
  function count(props, content, kind) {
    var href = (props.data.opens || {})[props.column.getColId()];
    return href ? element("a", { href: href, className: "count " + kind, "data-count": props.value }, content)
      : element("span", { className: kind }, content);
  }

  cells.HubCount = function (props) {
    return props.data && props.value ? count(props, props.value, "") : null;
  };

  /* A change as arrow and number; the row's `way` is its direction, `news` whether that is good. */
  cells.HubDelta = function (props) {
    if (!props.data || !props.value) { return null; }
    var way = props.data.way;
    var arrow = { up: "\u25b2", down: "\u25bc" }[way];
    var sign = arrow ? element("span", { className: "delta-arrow", "aria-hidden": "true" }, arrow) : null;
    return count(props, [sign, props.value], "delta delta-" + way + " news-" + props.data.news);
  };

  /* A sparkline: a line per run of values without a gap, and a dot on the last value. */
  cells.HubTrend = function (props) {
    var values = props.value || [];
    var known = values.filter(function (value) { return value !== null; });
    if (known.length < 2) { return null; }
    var least = Math.min.apply(null, known);
    var most = Math.max.apply(null, known);
    var path = "";
    var pen = "M";
    var x = 0;
    var y = 0;
    values.forEach(function (value, index) {
      if (value === null) { pen = "M"; return; }
      x = 2 + index * 92 / (values.length - 1);
      y = 22 - (most > least ? (value - least) / (most - least) : 0.5) * 20;
      path += pen + x.toFixed(1) + " " + y.toFixed(1);
      pen = "L";
    });
    return element("svg", { className: "trend-line", width: 96, height: 24, viewBox: "0 0 96 24", "aria-hidden": "true" },
      element("path", { d: path, fill: "none", stroke: "currentColor", strokeWidth: 1.5, strokeLinejoin: "round" }),
      element("circle", { cx: x, cy: y, r: 2, fill: "currentColor" }));
  };

  /* The last contact, marked when it is long ago. */
  function stale(props) {
    return props.data.stale ? element("span", { className: "pill run-pill run-stale", title: props.about }, props.stale) : null;
  }
  cells.HubContact = function (props) {
    if (!props.data) { return null; }
    if (!props.value) { return element("span", { className: "muted", title: props.unknown }, "\u2013"); }
    return element("span", { className: "contact" }, stale(props), props.value);
  };
  hub.pages.stale = stale;

  /* A value as a pill; the value selects colour and shape, `words` has its label. */
  cells.HubPill = function (props) {
    if (!props.value) { return null; }
    var word = (props.words && props.words[props.value]) || props.value;
    return element("span", { className: "pill pill-" + String(props.value).replace(/[^a-z]/g, "-") }, word);
  };

  /* The label of a waterfall bar, coloured by its kind. */
  cells.HubBar = function (props) {
    if (!props.value) { return null; }
    return element("span", { className: "bar-word bar-" + String(props.data.kind).replace(/[^a-z]/g, "-") }, props.value);
  };

  /* Reasons as chips: the first two, and how many more; the tooltip has all of them. */
  cells.HubReasons = function (props) {
    var reasons = props.value || [];
    var more = reasons.length > 2 ? element("span", { className: "reason more" }, "+" + (reasons.length - 2)) : null;
    var chips = reasons.slice(0, 2).map(function (text, i) {
      var chip = element("span", { className: "reason" }, text);
      return element("span", { key: i, className: "reason-line" }, chip, i ? more : null);
    });
    return element("span", { className: "reasons" }, chips);
  };

  /* Badges of the sources that have a record of the machine. */
  cells.HubSources = function (props) {
    if (!props.value) { return null; }
    var badges = String(props.value).split(",").map(function (part) {
      var name = part.trim();
      var label = (props.words && props.words[name]) || name;
      var letters = (props.badges && props.badges[name]) || label.charAt(0);
      return element("span", { key: name, className: "source-badge source-" + name.replace(/[^a-z0-9_]/g, "-"), title: label },
        element("span", { "aria-hidden": "true" }, letters),
        element("span", { className: "visually-hidden" }, label));
    });
    return element("span", { className: "badges" }, badges);
  };

  /* Roving tabindex: the calendar is one tab stop, arrow keys move between its days. */
  document.addEventListener("keydown", function (event) {
    var steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    var step = steps[event.key];
    var day = event.target.closest ? event.target.closest(".calendar .day") : null;
    if (!step || !day) { return; }
    var cell = day.parentElement;
    var row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + step[0]];
    var next = row && row.cells[cell.cellIndex + step[1]];
    var target = next && next.querySelector(".day");
    event.preventDefault();
    if (!target) { return; }
    day.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
})();
