// The address bar holds the filters: parse it, write it, and notice its changes. The filters and
// pages come from dashboard/addresses.py, in a meta element of the document.
(function () {
  var declared = JSON.parse(document.querySelector("meta[name=addresses]").content);
  var FILTERS = declared.filters;

  function list(value) { return value === null || value === undefined ? [] : [].concat(value); }

  function filterByName(name) { return FILTERS.filter(function (filter) { return filter.name === name; })[0]; }

  // The value of a filter on a page whose address does not name it.
  function defaultOn(filter, page) { return list(filter.usual[page] || filter.default); }

  function isDefault(filter, value, page) {
    var standard = defaultOn(filter, page);
    return list(value).length === standard.length && list(value).join() === standard.join();
  }

  // The value of a filter on a page; empty where the filter does not apply.
  function valueOn(filter, f, page) {
    var foreign = (filter.page && filter.page !== page) || (filter.basis && filter.basis !== f.basis);
    return foreign ? list(null) : f[filter.name];
  }

  // The filters of a query string, as text; the server validates them.
  function read(search) {
    var query = new URLSearchParams(search || "");
    var filters = {};
    FILTERS.forEach(function (filter) {
      filters[filter.name] = filter.repeat ? query.getAll(filter.name) : query.get(filter.name) || filter.default;
    });
    return filters;
  }

  // The canonical query of a page; dashboard.base.params.Filters.to_query writes the same.
  function write(f, page) {
    var query = new URLSearchParams();
    FILTERS.forEach(function (filter) {
      var values = list(valueOn(filter, f, page)).slice();
      if (isDefault(filter, values, page)) return;
      if (filter.numeric) values.sort(function (a, b) { return a - b; });
      values.forEach(function (value) { if (filter.repeat || value) query.append(filter.name, value); });
    });
    return query.toString();
  }

  // The number of filter chips: one per value, but a single one for values that replace a default.
  function count(f, page) {
    return FILTERS.reduce(function (sum, filter) {
      var values = list(valueOn(filter, f, page));
      if (!filter.repeat) values = values.filter(Boolean);
      if (!values.length || isDefault(filter, values, page)) return sum;
      return sum + (filter.default ? 1 : values.length);
    }, 0);
  }

  function pageOf(path) {
    return declared.pages.filter(function (page) {
      return path === page.path || (page.path !== "/" && path.indexOf(page.path + "/") === 0);
    })[0] || {};
  }

  // Whether the page at `path` heeds a filter of the bar; pages that say nothing heed all of them, and what is
  // no page none.
  function heeds(path, name) {
    var fields = declared.fields;
    var place = Object.keys(fields).filter(function (page) {
      return page === path || (page.slice(-1) === "/" && page.length > 1 && path.indexOf(page) === 0);
    })[0];
    return place === undefined ? Boolean(pageOf(path).path) : fields[place].indexOf(name) >= 0;
  }

  // Pages with filters of their own, which show the present and share no filters with other pages.
  function hasOwnFilters(path) { return Boolean(pageOf(path).own); }

  // The page that answers a search on this one; null where a search opens the devices.
  function searchPage(path) { return pageOf(path).search ? pageOf(path).path : null; }

  function changed() { window.dash_clientside.set_props("moved", { data: Date.now() }); }

  // Whether a query shows something else in place of the open page, such as one run in place of their list.
  function opensDetail(text) {
    var now = new URLSearchParams(location.search), next = new URLSearchParams(text);
    return (pageOf(location.pathname).details || []).some(function (name) { return now.get(name) !== next.get(name); });
  }

  // Change the query of the open page, as a step in the history, without loading a page. Filters leave it where it
  // is scrolled to; what is opened begins at its top, and Back returns to the place (views.js).
  function go(text) {
    var opens = opensDetail(text);
    history.pushState({}, "", location.pathname + (text ? "?" + text : ""));
    if (opens) window.scrollTo(0, 0);
    changed();
  }

  // Open another page the way Dash's own links do.
  function open(page, text) {
    history.pushState({}, "", page + (text ? "?" + text : ""));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  // The page that is left goes before the filters change: its callbacks must not answer the other page's. It goes
  // once Dash has asked for the other page (in a task of its own), for it may take long to unmount.
  function leavePage() {
    var place = document.getElementById("_pages_content"), left = place && place.firstElementChild;
    setTimeout(function () {
      setTimeout(function () {
        if (left && left === place.firstElementChild) window.dash_clientside.set_props("_pages_content", { children: null });
        changed();
      });
    });
  }

  var path = location.pathname;
  // Dash's own Location does not know the steps above and would miss, or answer, the wrong ones.
  // So a step inside one page reaches nobody else; only a step to another page does.
  function step(event) {
    if (location.pathname === path) {
      event.stopImmediatePropagation();
      changed();
    } else {
      window.hubRequests.open(location.pathname, location.search);
      leavePage();
    }
    path = location.pathname;
  }
  window.addEventListener("popstate", function (event) {
    window.hubViews.stepped(event.state);
    step(event);
  });
  window.addEventListener("_dashprivate_pushstate", step);

  // The link that a plain click follows within the hub; null for another tab, a file or a site.
  function followed(event) {
    var link = event.target.closest ? event.target.closest("a[href]") : null;
    var other = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || other || link.target || link.hasAttribute("download")) return null;
    return link.origin === location.origin && !link.hash ? link : null;
  }

  document.addEventListener("click", function (event) {
    var link = followed(event);
    if (!link || link.pathname !== location.pathname) return;
    event.preventDefault();
    event.stopPropagation();
    if (link.search !== location.search) go(link.search.slice(1));
  }, true);

  // Links to other pages open without a reload, however they came into the document.
  document.addEventListener("click", function (event) {
    var link = event.defaultPrevented ? null : followed(event);
    if (!link || !pageOf(link.pathname).path) return;
    event.preventDefault();
    open(link.pathname, link.search.slice(1));
  });

  // What a person presses may be drawn anew before it is let go, as after Back: there is no click then. The link that
  // was pressed is followed all the same, unless the pointer moved on.
  var STILL = 8;
  var pressed = null;
  document.addEventListener("pointerdown", function (event) {
    var link = followed(event);
    pressed = link && { link: link, x: event.clientX, y: event.clientY };
  }, true);
  document.addEventListener("pointerup", function (event) {
    var was = pressed, link = was && was.link;
    pressed = null;
    if (!link || link.isConnected || !pageOf(link.pathname).path) return;
    if (Math.abs(event.clientX - was.x) > STILL || Math.abs(event.clientY - was.y) > STILL) return;
    if (link.pathname !== location.pathname) open(link.pathname, link.search.slice(1));
    else if (link.search !== location.search) go(link.search.slice(1));
  }, true);

  window.hubAddress = {
    pages: declared.pages, named: declared.named, hasOwnFilters: hasOwnFilters, heeds: heeds, searchPage: searchPage, filterByName: filterByName, defaultOn: defaultOn, read: read, write: write, count: count, go: go, open: open,
  };
})();
