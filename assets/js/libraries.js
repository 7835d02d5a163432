// Loads the large libraries where they are used. Their addresses come with this script's own tag.
(function () {
  var addresses = document.currentScript.dataset;

  // Dash, Plotly and AG Grid put their rules into style elements, which the Content-Security-Policy
  // refuses without the nonce of this answer. Markup that an attacker brings in has none.
  var nonce = document.currentScript.nonce, createElement = document.createElement;
  document.createElement = function (name) {
    var element = createElement.apply(document, arguments);
    if (element.localName === "style") element.nonce = nonce;
    return element;
  };

  // Dash asks for its own full bundle of 4.8 MB; the charts here need a quarter of it.
  Object.defineProperty(window, "_dashPlotlyJSURL", { get: function () { return addresses.plotly; }, set: function () {} });

  // When a chart is drawn, Dash and Plotly have it fit its place once more, a tenth of a second later. What fits
  // already, or is hidden, is not drawn again.
  var plotly;
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: function () { return plotly; },
    set: function (library) {
      var fit = library.Plots.resize;
      plotly = library;
      library.Plots.resize = function (chart) {
        var size = chart._fullLayout, hidden = !chart.clientWidth;
        var fits = size && Math.abs(size.width - chart.clientWidth) < 1 && Math.abs(size.height - chart.clientHeight) < 1;
        return hidden || fits ? Promise.resolve(chart) : fit(chart);
      };
    },
  });

  // AG Grid is fetched for the first grid: most pages have none. Dash finds components by their names
  // in `window`, so one stands there that waits for the library.
  var loading = null;

  function load() {
    loading = loading || new Promise(function (resolve, reject) {
      var script = document.createElement("script");
      script.src = addresses.grid;
      script.onload = function () {
        var library = window.dash_ag_grid;
        // The same component as before: another would be another grid, and the first be thrown away.
        window.dash_ag_grid = Object.assign({}, library, { AgGrid: Grid, getApiAsync: getApiAsync });
        resolve(library);
      };
      script.onerror = function () {
        loading = null;
        reject(new Error("The table could not be loaded. Reload the page."));
      };
      document.head.appendChild(script);
    });
    return loading;
  }

  // A grid takes long to make, so one below the screen waits until it is nearly in view, or until the
  // browser has had nothing to do for a while: then it is there for the printer and for a search in the page.
  var NEAR = "200px", LATER = 1500;
  var shown = {};  // by the id of a grid that is mounted: what waits until it is made

  function whenNear(place, show) {
    var timer = 0, idle = 0;
    var seen = new IntersectionObserver(function (entries) {
      if (entries.some(function (entry) { return entry.isIntersecting; })) show();
    }, { rootMargin: NEAR });
    seen.observe(place);
    timer = setTimeout(function () {
      if (window.requestIdleCallback) idle = window.requestIdleCallback(show); else show();
    }, LATER);
    // Who returns to a page asks for the grid that stood there: assets/js/views.js.
    place.addEventListener("hubshow", show);
    return function () {
      seen.disconnect();
      clearTimeout(timer);
      if (idle) window.cancelIdleCallback(idle);
    };
  }

  function getApiAsync(id) {
    return (shown[id] ? shown[id].made : Promise.resolve()).then(load).then(function (library) {
      return library.getApiAsync(id);
    });
  }

  var Loaded = null;
  function Grid(props) {
    var React = window.React, element = React.createElement;
    Loaded = Loaded || React.lazy(function () {
      return load().then(function (library) { return { default: library.AgGrid }; });
    });
    var place = React.useRef(null);
    var state = React.useState(false), near = state[0];
    React.useLayoutEffect(function () {
      var entry = shown[props.id] = {};
      entry.made = new Promise(function (resolve) { entry.make = resolve; });
      return function () { if (shown[props.id] === entry) delete shown[props.id]; };
    }, [props.id]);
    React.useEffect(function () {
      return near ? undefined : whenNear(place.current, function () { state[1](true); });
    }, [near]);
    React.useEffect(function () {
      if (!near) return;
      shown[props.id].make();
      getApiAsync(props.id).then(function (api) {
        document.dispatchEvent(new CustomEvent("hubgrid", { detail: api }));
      });
    }, [near]);

    // The rows pass dash-ag-grid by: grid-rows.js.
    var dash = React.useRef(null), rows = React.useRef(null);
    dash.current = props.setProps;
    rows.current = rows.current || window.hubRows.of(props.id, function (request) {
      dash.current({ getRowsRequest: request });
    });
    var setProps = React.useCallback(function (changed) {
      if (changed.getRowsRequest) rows.current.ask(changed.getRowsRequest);
      else dash.current(changed);
    }, []);
    React.useEffect(function () {
      if (props.getRowsResponse) rows.current.answer(props.getRowsResponse);
    }, [props.getRowsResponse]);

    var waiting = element("div", { ref: place, id: props.id, className: props.className, style: props.style });
    if (!near) return waiting;
    var own = Object.assign({}, props, { setProps: setProps, getRowsResponse: null });
    return element(React.Suspense, { fallback: waiting }, element(Loaded, own));
  }
  Grid.dashRenderType = true;  // as the library's own says: it renders again only what changed

  window.dash_ag_grid = { AgGrid: Grid, getApiAsync: getApiAsync };
})();
