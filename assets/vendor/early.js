// Runs before anything is painted: the theme, and where the slim chart library is.
(function () {
  var stored = null;
  try { stored = localStorage.getItem("theme"); } catch (refused) { /* private mode: follow the system */ }
  var dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  window.setTheme = function (isDark) {
    var root = document.documentElement;
    root.dataset.bsTheme = root.dataset.agThemeMode = isDark ? "dark" : "light";
  };
  window.setTheme(dark);
  // Dash asks for its own full bundle of 4.8 MB; the charts here need a quarter of it.
  var slim = document.currentScript.dataset.plotly;
  Object.defineProperty(window, "_dashPlotlyJSURL", { get: function () { return slim; }, set: function () {} });
})();
