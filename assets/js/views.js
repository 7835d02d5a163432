// Back and Forward return to the same view: scroll, the grids' sort, page and focused cell, the order of the
// site table, the link that was followed. Each entry of the history has an id; its view is kept when it is left.
(function () {
  var STORED = "hub-views", MOST = 60, LONGEST = 15000, STEADY = 400;
  var views = {};
  try { views = JSON.parse(sessionStorage.getItem(STORED)) || {}; } catch (refused) { /* not kept */ }

  function newId() { return Date.now().toString(36) + Math.random().toString(36).slice(2, 8); }
  function idOf(state) { return (state && state.hubView) || null; }

  var push = history.pushState, replace = history.replaceState;
  var here = idOf(history.state) || newId();
  history.scrollRestoration = "manual";
  replace.call(history, Object.assign({}, history.state, { hubView: here }), "");
  history.pushState = function (state, title, url) {
    leave();
    here = newId();
    return push.call(history, Object.assign({}, state, { hubView: here }), title, url);
  };
  history.replaceState = function (state, title, url) {
    return replace.call(history, Object.assign({}, state, { hubView: here }), title, url);
  };
  // A step back or forward to the entry with this state; address.js hears of it and may let nobody else hear.
  function stepped(state) {
    leave();
    here = idOf(state) || newId();
    returnTo(views[here]);
  }
  window.addEventListener("pagehide", function () {
    leave();
    try { sessionStorage.setItem(STORED, JSON.stringify(views)); } catch (refused) { /* not kept */ }
  });

  function grids() { return Array.prototype.slice.call(document.querySelectorAll(".grid[id]")); }
  function apiOf(place) {
    if (!place.querySelector(".ag-root")) return null;
    try { return window.dash_ag_grid.getApi(place.id); } catch (missing) { return null; }
  }
  function viewport(place) { return place.querySelector(".ag-body-viewport"); }
  function sortOf(api) {
    var column = api.getColumnState().filter(function (state) { return state.sort; })[0];
    return column ? { colId: column.colId, sort: column.sort } : null;
  }

  // The element with the focus, as one of the links with its address in the page; grids keep their cell.
  function focused() {
    var link = document.activeElement && document.activeElement.closest("#page a[href]");
    if (!link || link.closest(".ag-root")) return null;
    var href = link.getAttribute("href");
    return { href: href, nth: linksTo(href).indexOf(link) };
  }
  function linksTo(href) {
    return Array.prototype.filter.call(document.querySelectorAll("#page a[href]"), function (link) {
      return link.getAttribute("href") === href;
    });
  }

  // Which page the document shows: its elements keep their ids, whatever the address says already.
  function shown() {
    var first = document.querySelector("#_pages_content [id]");
    return first && first.id;
  }

  function leave() {
    var view = { page: shown(), y: window.scrollY, grids: {}, focus: focused() };
    grids().forEach(function (place) {
      var api = apiOf(place);
      if (!api || api.isDestroyed()) return;
      var cell = api.getFocusedCell();
      view.grids[place.id] = {
        sort: sortOf(api), page: api.paginationGetCurrentPage(), top: viewport(place).scrollTop,
        cell: cell && cell.rowPinned === null ? { row: cell.rowIndex, column: cell.column.getColId() } : null,
      };
    });
    var table = document.querySelector("[data-sorted]");
    if (table) view.order = table.dataset.sorted;
    delete views[here];
    views[here] = view;
    Object.keys(views).slice(0, -MOST).forEach(function (old) { delete views[old]; });
    wanted = null;
  }

  // Each step brings one part nearer to the view, and says whether it is there.
  function returnGrid(id, saved) {
    var place = document.getElementById(id), api = place && apiOf(place);
    if (place && !api) place.dispatchEvent(new Event("hubshow"));
    if (!api || api.isDestroyed() || !viewport(place)) return false;
    // Pages with filters of their own have the order in the address (machines.js).
    var ordered = window.hubAddress.hasOwnFilters(location.pathname);
    if (!ordered && JSON.stringify(sortOf(api)) !== JSON.stringify(saved.sort)) {
      api.applyColumnState({ state: saved.sort ? [saved.sort] : [], defaultState: { sort: null } });
      return false;
    }
    if (!api.isLastRowIndexKnown()) return false;
    var page = Math.min(saved.page, Math.max(api.paginationGetTotalPages() - 1, 0));
    if (api.paginationGetCurrentPage() !== page) { api.paginationGoToPage(page); return false; }
    var first = api.getDisplayedRowAtIndex(page * api.paginationGetPageSize());
    if (first && !first.data) return false;
    var box = viewport(place), most = box.scrollHeight - box.clientHeight;
    if (Math.abs(box.scrollTop - Math.min(saved.top, most)) > 1) { box.scrollTop = saved.top; return false; }
    var cell = api.getFocusedCell();
    if (saved.cell && !(cell && cell.rowIndex === saved.cell.row)) {
      api.setFocusedCell(saved.cell.row, saved.cell.column);
    }
    return true;
  }
  function returnOrder(order) {
    var table = document.querySelector("[data-sorted]");
    if (!table) return false;
    if (table.dataset.sorted === order) return true;
    if (table.hubOrder !== order) window.dash_clientside.set_props("sites-order", { data: JSON.parse(order) });
    table.hubOrder = order;
    return false;
  }
  function returnScroll(y) {
    if (Math.abs(window.scrollY - y) <= 1) return true;
    if (document.documentElement.scrollHeight - window.innerHeight >= y - 1) window.scrollTo(0, y);
    return false;
  }
  function returnFocus(focus) {
    var link = linksTo(focus.href)[focus.nth];
    if (!link) return false;
    if (document.activeElement !== link) link.focus({ preventScroll: true });
    return true;
  }

  // The view to return to, until a person does something.
  var wanted = null, timer = 0;
  function step() {
    var view = wanted;
    if (!view) return;
    // The page that is left stands until the other one is there.
    var there = shown() === view.page;
    if (there) {
      Object.keys(view.grids).forEach(function (id) { there = returnGrid(id, view.grids[id]) && there; });
      if (view.order) there = returnOrder(view.order) && there;
      there = returnScroll(view.y) && there;
      if (there && view.focus) there = returnFocus(view.focus);
    }
    var now = performance.now();
    if (!there) view.since = now;
    if (now - view.since > STEADY || now > view.until) return;
    timer = setTimeout(step, 40);
  }
  function resume() {
    if (!wanted) return;
    clearTimeout(timer);
    wanted.since = performance.now();
    wanted.until = wanted.since + LONGEST;
    step();
  }
  function returnTo(view) {
    wanted = view ? Object.assign({}, view) : null;
    resume();
  }
  ["wheel", "touchstart", "pointerdown", "keydown"].forEach(function (name) {
    document.addEventListener(name, function () { wanted = null; }, { passive: true, capture: true });
  });

  window.hubViews = { resume: resume, stepped: stepped };
})();
