// The theme, before anything is painted.
(function () {
  var stored = null;
  try { stored = localStorage.getItem("theme"); } catch (refused) { /* private mode: follow the system */ }
  var dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  window.setTheme = function (isDark) {
    var root = document.documentElement;
    root.dataset.bsTheme = root.dataset.agThemeMode = isDark ? "dark" : "light";
  };
  window.setTheme(dark);
})();
