// The numbers of a chart as a table in its place, made of what the chart draws: so they cannot differ, and each opens
// what a click on its bar opens.
(function () {
  "use strict";

  function text(html) {
    var part = document.createElement("template");
    part.innerHTML = String(html).replace(/<br>/g, " ");
    return part.content.textContent;
  }
  function isMarks(trace) { return trace.mode === "text"; }
  function shown(value) {
    if (value === null || value === undefined) return "\u2013";
    return typeof value === "number" ? value.toLocaleString(document.documentElement.lang || "en") : text(value);
  }

  // The columns: each named series; the numbers above the bars where they count all of them, or there is one series.
  function columns(traces, words) {
    var named = traces.filter(function (trace) { return trace.name && !isMarks(trace); });
    var above = traces.filter(function (trace) { return isMarks(trace) && (trace.customdata || !named.length); });
    var bars = traces.filter(function (trace) { return !isMarks(trace); })[0] || {};
    return named.map(function (trace) {
      return { name: text(trace.name), x: trace.x, values: trace.y, to: trace.customdata || [] };
    }).concat(above.map(function (trace) {
      return { name: words.all, x: trace.x, values: trace.text, to: trace.customdata || bars.customdata || [] };
    }));
  }

  // What a row is called: on an axis of time as the tips of the chart say it.
  function rowName(traces, x) {
    if (!/^\d{4}-\d\d-\d\d/.test(x)) return text(x);
    var tip = "";
    traces.forEach(function (trace) {
      var at = tip || !trace.hovertext ? -1 : Array.prototype.indexOf.call(trace.x, x);
      if (at >= 0 && trace.hovertext[at]) tip = trace.hovertext[at];
    });
    return tip ? text(tip).split(": ")[0] : x.slice(0, 16).replace("T", " ");
  }

  function cell(column, x) {
    var at = Array.prototype.indexOf.call(column.x, x);
    var made = document.createElement("td");
    made.className = "figure";
    var value = at < 0 ? null : column.values[at];
    var to = at < 0 ? null : column.to[at];
    if (typeof to === "string" && /^\/(?!\/)/.test(to) && value !== 0 && value !== null) {
      var link = document.createElement("a");
      link.className = "count";
      link.href = to;
      link.textContent = shown(value);
      made.appendChild(link);
    } else {
      made.textContent = shown(value);
    }
    return made;
  }

  function tableOf(traces, words) {
    var table = document.createElement("table");
    table.className = "table";
    var cols = columns(traces, words);
    var head = table.createTHead().insertRow();
    [words.row].concat(cols.map(function (column) { return column.name; })).forEach(function (name, i) {
      var made = document.createElement("th");
      made.scope = "col";
      made.className = i ? "figure" : "";
      made.textContent = name;
      head.appendChild(made);
    });
    var body = table.createTBody();
    Array.prototype.forEach.call(cols.length ? cols[0].x : [], function (x) {
      var row = body.insertRow();
      var made = document.createElement("th");
      made.scope = "row";
      made.textContent = rowName(traces, x);
      row.appendChild(made);
      cols.forEach(function (column) { row.appendChild(cell(column, x)); });
    });
    return table;
  }

  function fill(frame, button) {
    var graph = frame.querySelector(".js-plotly-plot");
    var place = frame.querySelector(".chart-table");
    if (place && graph && graph.data) place.replaceChildren(tableOf(graph.data, button.dataset));
  }

  function open(frame, button) {
    var place = document.createElement("div");
    place.className = "chart-table";
    place.tabIndex = 0;
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", frame.querySelector(".chart").getAttribute("aria-label"));
    frame.insertBefore(place, button.parentElement);
    fill(frame, button);
    // Other filters draw the chart anew: the table follows it.
    var timer = 0;
    frame.hubWatch = new MutationObserver(function () {
      clearTimeout(timer);
      timer = setTimeout(function () { fill(frame, button); }, 100);
    });
    frame.hubWatch.observe(frame.querySelector(".chart"), { childList: true, subtree: true });
  }

  function close(frame) {
    frame.hubWatch.disconnect();
    frame.querySelector(".chart-table").remove();
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest(".as-table") : null;
    if (!button) return;
    var frame = button.closest(".chart-frame");
    var opens = !frame.classList.contains("tabled");
    if (opens) open(frame, button); else close(frame);
    frame.classList.toggle("tabled", opens);
    button.setAttribute("aria-pressed", String(opens));
  });
})();
