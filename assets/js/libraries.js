// Loads the large libraries where they are used. Their addresses come with this script's own tag.
(function () {
  var addresses = document.currentScript.dataset;

  // Dash asks for its own full bundle of 4.8 MB; the charts here need a quarter of it.
  Object.defineProperty(window, "_dashPlotlyJSURL", { get: function () { return addresses.plotly; }, set: function () {} });

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
        window.dash_ag_grid = Object.assign({}, library, { AgGrid: Grid });
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

  var Loaded = null;
  function Grid(props) {
    var element = window.React.createElement;
    Loaded = Loaded || window.React.lazy(function () {
      return load().then(function (library) { return { default: library.AgGrid }; });
    });
    var place = element("div", { id: props.id, className: props.className, style: props.style });
    return element(window.React.Suspense, { fallback: place }, element(Loaded, props));
  }
  Grid.dashRenderType = true;  // as the library's own says: it renders again only what changed

  window.dash_ag_grid = {
    AgGrid: Grid,
    getApiAsync: function (id) { return load().then(function (library) { return library.getApiAsync(id); }); },
  };
})();
