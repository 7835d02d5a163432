// Rows of a grid: each answer of the server goes to the request that it answers, once.
//
// dash-ag-grid keeps only the newest request and hands every answer to that one. A grid that was reloaded while it
// waited then took the rows of before, or none; and AG Grid, which counts how many of its requests are open, asked
// for nothing more after two that Dash had dropped.
(function () {
  "use strict";

  var mounted = {};  // by the id of a grid

  /* For the grid of this id; `send` puts a request to Dash, which drops the answer to an earlier one that is still
     coming. */
  function rowsOf(id, send) {
    var open = [];  // the requests of AG Grid without an answer, the newest last
    var last = 0;  // from 1 in each grid: the first request of a page is asked ahead of it (requests.js)

    function sameOrder(one, other) { return JSON.stringify(one.sortModel) === JSON.stringify(other.sortModel); }
    function take(request) { open.splice(open.indexOf(request), 1); return request; }

    return (mounted[id] = {
      /* AG Grid asks for a block of rows. */
      ask: function (request) {
        request.number = last += 1;
        open.filter(function (before) {
          return before.startRow === request.startRow || !sameOrder(before, request);
        }).forEach(function (replaced) {
          // Later: AG Grid is in the middle of asking.
          setTimeout(take(replaced).failCallback);
        });
        open.push(request);
        send(request);
      },
      /* The server's answer, with the number of its request. */
      answer: function (rows) {
        var request = open.filter(function (each) { return each.number === rows.number; })[0];
        if (!request) return;
        take(request).successCallback(rows.rowData, rows.rowCount);
        // What Dash dropped when it took this one is asked again; only another object is a change to Dash.
        if (open.length) send(Object.assign({}, open[open.length - 1]));
      },
      /* What was asked for is of no use any more. */
      forget: function () { open.splice(0).forEach(function (request) { request.failCallback(); }); },
    });
  }

  window.hubRows = {
    of: rowsOf,
    /* Other filters or a new snapshot: the grid of this id asks for its rows anew, from the first. */
    reload: function (id) {
      return window.dash_ag_grid.getApiAsync(id).then(function (api) {
        mounted[id].forget();
        api.paginationGoToFirstPage();
        api.purgeInfiniteCache();
        window.hubViews.resume();
      });
    },
  };
})();
