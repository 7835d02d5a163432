// Browser side of the shell: filters, search, theme, keyboard shortcuts. Texts come from the server.
(function () {
  var address = window.hubAddress;
  var root = document.documentElement;

  // The filters of the pages with a date, kept while a page without one (machines, settings) is open.
  var kept = "";

  function nothing() { return window.dash_clientside.no_update; }
  function here(path, page) { return path === page || (page !== "/" && path.indexOf(page + "/") === 0); }

  // The offered options that the address names.
  function chosen(options, named) {
    return options.filter(function (value) { return named.indexOf(value) >= 0; });
  }

  // The text if it is a valid ISO date, else null.
  function day(text) {
    var parsed = text ? new Date(text + "T00:00:00Z") : NaN;
    return !isNaN(parsed) && parsed.toISOString().slice(0, 10) === text ? text : null;
  }

  // How many filters are set and how many decisions are pending, as the links and buttons show them.
  var filterCount = "", pending = "";

  // Links carry the filters that their page shares; drawn again, they start without.
  function fill(part) {
    Array.prototype.forEach.call(part.querySelectorAll("a[data-page]"), function (link) {
      var page = link.dataset.page;
      var shared = address.hasOwnFilters(page) ? "" : address.write(address.read(kept), page);
      link.setAttribute("href", page + (shared ? "?" + shared : ""));
      link.className = here(location.pathname, page) ? "here" : "";
      if (link.className) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    });
    [["waits-top", pending], ["waits-more", pending], ["filter-count", filterCount]].forEach(function (text) {
      var place = document.getElementById(text[0]);
      if (place && part.contains(place)) place.textContent = text[1];
    });
  }

  // Only the filters that the page heeds; without any the bar shows the moment of the data alone.
  function showFields(controls) {
    var any = false;
    controls.forEach(function (control) {
      var heeded = address.heeds(location.pathname, control.name);
      document.getElementById(control.place).closest(".field").hidden = !heeded;
      any = any || heeded;
    });
    root.classList.toggle("no-filters", !any);
  }

  // Which page is open, as what the styles of the parts around it go by. It is known with its content; until then
  // that of the page before stays. (`:has()` would make the browser look at every change in the page.)
  var PAGES = ".devices, .settings, .machines, .one-machine, .one-device:not([hidden])";
  var first = null;
  new MutationObserver(function (records) {
    var place = document.getElementById("_pages_content");
    var page = place && place.firstElementChild;
    if (!page || (page === first && records.every(function (record) { return record.type === "childList"; }))) return;
    first = page;
    var shown = place.querySelector(PAGES);
    root.dataset.shown = shown ? shown.classList[0] : "";
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });

  function showFilters(count) {
    filterCount = count ? String(count) : "";
    fill(document);
  }
  document.addEventListener("hubdrawn", function (event) { fill(event.target); });

  // What is closed is left alone: whatever is set makes Dash look at every component.
  function shut(id) {
    if (document.getElementById(id)) window.dash_clientside.set_props(id, { is_open: false });
  }

  // The fields of the list of machines are mounted while it is open.
  var machinesOpen = false;
  function showMachineFields() {
    var open = address.searchPage(location.pathname) === location.pathname;
    if (open !== machinesOpen) window.dash_clientside.set_props("machines-open", { data: open });
    machinesOpen = open;
  }

  // The sheet of filters on a phone. While it is open nothing else can be reached; when a person
  // closes it, the focus returns to its button.
  function sheet(open, byHand) {
    var element = document.getElementById("sheet");
    if (!element || element.classList.contains("show") === open) return;
    element.classList.toggle("show", open);
    root.classList.toggle("sheet-open", open);
    Array.prototype.forEach.call(document.querySelectorAll(".top, .under, .strip, #page, .bottom"), function (behind) {
      behind.inert = open;
    });
    if (open) element.setAttribute("role", "dialog"); else element.removeAttribute("role");
    if (open) element.focus();
    else if (byHand) document.getElementById("bottom-filters").focus();
  }

  // What the buttons with data-shell do.
  var actions = {
    theme: function () {
      var dark = root.dataset.bsTheme !== "dark";
      window.setTheme(dark);
      try { localStorage.setItem("theme", dark ? "dark" : "light"); } catch (refused) { /* not kept */ }
    },
    sheet: function () { sheet(!root.classList.contains("sheet-open"), true); },
    more: function () { window.dash_clientside.set_props("more", { is_open: true }); },
    signOut: function () { window.hubSend("/logout", {}); },
    language: function (button) {
      var here = location.pathname + location.search;
      window.hubSend("/account/language", { language: button.dataset.language, next: here });
    },
    clear: function () { if (location.search) address.go(""); },
    copy: function () { window.hubCopy(location.href); },
  };
  window.hubCopy = function (text) {
    navigator.clipboard.writeText(text);
    window.dash_clientside.set_props("copied", { is_open: true });
  };

  function whole(text) { return /^[0-9]{1,19}$/.test(text); }

  // A control of the filter bar. Its methods: `valueFor` the filters `f`, `apply` its value to them,
  // `dropUnknown` values of them that are no option, `written` a value as its property holds it.
  function controlOf(input, states) {
    var name = input.id.slice("filter-".length).replace(/-/g, "_");
    var filter = address.filterByName(name);
    var control = { name: name, place: input.id, prop: input.id + "." + input.property };
    control.hasDefaults = Boolean(filter.default);
    control.dropUnknown = function () {};
    control.given = filter.repeat ? JSON.parse(input.value || "[]") : input.value || null;
    control.written = function (value) { return filter.repeat ? JSON.stringify(value) : value || ""; };
    if (filter.day) {
      control.valueFor = function (f) { return day(f[name]); };
      // Ignore an invalid date, such as one in the year 20265.
      control.apply = function (f) { if (!input.value || day(input.value)) f[name] = input.value; };
      return control;
    }
    if (!filter.repeat) {
      // The server refuses another value than one that is offered: the control shows the default.
      control.valueFor = function (f) { return filter.choices.indexOf(f[name]) < 0 ? filter.default : f[name]; };
      control.apply = function (f) { f[name] = input.value; };
      return control;
    }
    var options = JSON.parse(states[input.id + ".data-options"]).map(function (option) { return option[1]; });
    // Without a value a page uses its own defaults.
    control.valueFor = function (f) {
      return chosen(options, f[name].length ? f[name] : address.defaultOn(filter, location.pathname));
    };
    if (!filter.choices) {
      // Keep what is no longer an option, such as a site: its chip shows it.
      control.apply = function (f) {
        f[name] = control.given.concat(f[name].filter(function (value) {
          return (!filter.numeric || whole(value)) && options.indexOf(value) < 0;
        }));
      };
    } else {
      control.apply = function (f) { f[name] = control.given; };
      control.dropUnknown = function (f) { f[name] = chosen(options, f[name]); };
    }
    return control;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    shell: {
      // Keep the address, the store of filters and the filter controls in step.
      sync_filters: function () {
        window.hubCallbacks.leaveOutUnmounted();
        var context = window.dash_clientside.callback_context;
        var triggered = context.triggered.map(function (input) { return input.prop_id; });
        // The first input is the address.
        var controls = context.inputs_list.slice(1).map(function (input) { return controlOf(input, context.states); });
        var props = controls.map(function (control) { return control.prop; });
        var text = location.search.slice(1);
        var separate = address.hasOwnFilters(location.pathname);
        var f = address.read(separate ? "" : text);
        var values = controls.map(function (control) { return control.valueFor(f); });
        var changed = controls.filter(function (control, i) {
          var same = Array.isArray(values[i]) ? control.given.slice().sort().join() === values[i].slice().sort().join()
            : control.given === values[i];
          return triggered.indexOf(control.prop) >= 0 && !same;
        });
        if (changed.length && !separate) {
          changed.forEach(function (control) { control.apply(f); });
          controls.forEach(function (control) { control.dropUnknown(f); });
          text = address.write(f, location.pathname);
          history.pushState({}, "", location.pathname + (text ? "?" + text : ""));
          // Without a value the page uses its defaults; show them in the control.
          values = controls.map(function (control) {
            return control.hasDefaults && !f[control.name].length ? control.valueFor(f) : nothing();
          });
        } else if (triggered.length && triggered.every(function (id) { return props.indexOf(id) >= 0; })) {
          return nothing();
        } else {
          sheet(false);
          shut("more");
        }
        shut("trouble");
        showMachineFields();
        // Not as an output: a component that is loading loses the text cursor.
        var box = document.getElementById("search-text");
        var q = address.read(text).q || "";
        if (box && box !== document.activeElement && box.value !== q) {
          window.dash_clientside.set_props("search-text", { value: q });
        }
        if (!separate) kept = text;
        showFields(controls);
        showFilters(separate ? document.querySelectorAll("#chips .chip").length : address.count(f, location.pathname));
        // A control that shows its value already is left alone: each that is set makes Dash look at all callbacks.
        return [text].concat(values.map(function (value, i) {
          var written = value === nothing() ? value : controls[i].written(value);
          return written === context.inputs_list[i + 1].value ? nothing() : written;
        }));
      },
      search: function (_, value) {
        document.activeElement.blur();
        var page = address.searchPage(location.pathname);
        if (page) {
          var query = new URLSearchParams(location.pathname === page ? location.search : "");
          query.delete("q");
          if ((value || "").trim()) query.append("q", value.trim());
          if (location.pathname !== page) address.open(page, query.toString());
          else if (query.toString() !== location.search.slice(1)) address.go(query.toString());
          return nothing();
        }
        var f = address.read(address.hasOwnFilters(location.pathname) ? "" : location.search);
        f.q = (value || "").trim() || null;
        // A search looks in every status, unless some are chosen.
        var every = address.filterByName("status").choices;
        if (f.q && !f.status.length) f.status = every;
        else if (!f.q && f.status.length === every.length) f.status = [];
        var text = address.write(f, "/devices");
        if (location.pathname !== "/devices") address.open("/devices", text);
        else if (text !== location.search.slice(1)) address.go(text);
        return nothing();
      },
      pending: function (count) {
        pending = count || "";
        fill(document);
      },
      days: function (marks) {
        window.hubMarkDays(marks);
        return nothing();
      },
    },
  });

  // What the server refuses while the dialog is open is said beside the dialog's button.
  function refuse(response) {
    if (!document.getElementById("decision-do")) return;
    response.json().then(function (body) {
      window.dash_clientside.set_props("decision-wrong", { children: body.error });
    }, function () {});
  }
  // A request failed. Is it the database, the server or this request alone? Of the first two a notice says so, until
  // the page is loaded anew; in place of a page that was not loaded yet stands what the server has for that.
  var notice = "";
  function showNotice(name) {
    if (name === notice) return;
    if (notice) window.dash_clientside.set_props(notice, { is_open: false });
    if (name) window.dash_clientside.set_props(name, { is_open: true });
    notice = name;
  }
  function failed(isPage) {
    window.hubHealth().then(function (status) {
      if (status === 200) { window.dash_clientside.set_props("trouble", { is_open: true }); return; }
      if (status === 503 && isPage) window.hubReload();
      showNotice(status === 503 ? "no-database" : "away");
      window.hubRecover();
    });
  }

  window.fetch = function (what, how) {
    var to = String((what && what.url) || what), answer = window.hubRequests.send(what, how);
    if (/\/_dash-(layout|dependencies)$/.test(to)) {
      return answer.then(function (response) {
        if (response.status === 503) window.hubReload();
        return response;
      });
    }
    if (to.indexOf("/_dash-update-component") < 0) return answer;
    var isPage = /"output":"\.\._pages_content\./.test(String(how && how.body));
    return answer.then(
      function (response) {
        if (response.status >= 502) failed(isPage); else showNotice("");
        if ((response.status >= 400 && response.status < 500) || response.status === 503) refuse(response.clone());
        return response;
      },
      function (error) {
        if (error.name !== "AbortError") failed(isPage);
        throw error;
      }
    );
  };

  function search() {
    var box = document.getElementById("search-text");
    if (box) { box.focus(); box.select(); }
  }

  function typing(target) { return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable; }

  // The time of the key press, not of its handling: a busy page must not lose a quick second key.
  var pressed = -Infinity;
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") sheet(false, true);
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") { event.preventDefault(); search(); return; }
    if (event.key === "?") { window.dash_clientside.set_props("help", { is_open: true }); return; }
    if (event.key === "g") { pressed = event.timeStamp; return; }
    if (event.timeStamp - pressed < 1500) {
      pressed = -Infinity;
      var page = address.pages.filter(function (page) { return page.key === event.key; })[0];
      Array.prototype.forEach.call(document.querySelectorAll(".pages a"), function (link) {
        if (page && new URL(link.href).pathname === page.path) link.click();
      });
    }
  });
  document.addEventListener("scroll", function () {
    root.classList.toggle("scrolled", window.scrollY > 8);
  }, { passive: true });
  // The account menu closes like any other: by a click elsewhere, or Escape.
  function closeAccount(except) {
    var menu = document.querySelector("details.account[open]");
    if (!menu || (except && menu.contains(except))) return;
    var inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") closeAccount(); });
  document.addEventListener("click", function (event) {
    closeAccount(event.target);
    var target = event.target.closest ? event.target : null;
    var button = target && target.closest("[data-shell]");
    if (button) actions[button.dataset.shell](button);
  });
})();
