// Requests of a page repeat the secret of its session. When that session has ended, the page goes to
// sign in, and from there back to the same view.
(function () {
  var send = window.fetch;
  var safe = ["GET", "HEAD", "OPTIONS"];
  var leaving = false;

  function token() {
    var field = document.querySelector("input[name=csrf_token]");
    return field ? field.value : "";
  }

  function isOurs(url) { return new URL(url, location.href).origin === location.origin; }

  window.fetch = function (resource, options) {
    var url = typeof resource === "string" ? resource : resource.url;
    if (!isOurs(url)) return send.call(window, resource, options);
    var given = Object.assign({}, options);
    if (token() && safe.indexOf((given.method || "GET").toUpperCase()) < 0) {
      given.headers = new Headers(given.headers || {});
      given.headers.set("X-CSRF-Token", token());
    }
    return send.call(window, resource, given).then(function (response) {
      if (response.status !== 401) return response;
      if (!leaving) location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
      leaving = true;
      // Never answered: the page is left, and nothing of it should say that something failed.
      return new Promise(function () {});
    });
  };

  // Sends a form to a page that is none of Dash, with the secret of this session.
  window.hubSend = function (path, values) {
    var form = document.createElement("form");
    form.method = "post";
    form.action = path;
    var fields = Object.assign({ csrf_token: token() }, values);
    Object.keys(fields).forEach(function (name) {
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = fields[name];
      form.appendChild(field);
    });
    document.body.appendChild(form);
    form.submit();
  };
})();
