// When a page is finished, of any Dash page: every callback is answered, nothing is marked as loading, every
// chart is drawn and every row of a grid filled, and for QUIET ms neither an element changed nor a task of more
// than 50 ms ran. The time is that of the last frame before.
(function () {
  var QUIET = 250;
  var MOST = 180000;
  var meter = { requests: 0, begun: 0, changed: 0, painted: 0, painting: false, blocked: 0, shift: 0 };

  function touch(when) {
    meter.changed = Math.max(meter.changed, when);
    if (meter.painting) return;
    meter.painting = true;
    // A task after the frame: the frame is then on the screen.
    requestAnimationFrame(function () {
      var channel = new MessageChannel();
      channel.port1.onmessage = function () { meter.painting = false; meter.painted = performance.now(); };
      channel.port2.postMessage(null);
    });
  }

  new MutationObserver(function () { touch(performance.now()); }).observe(document, {
    childList: true, subtree: true, attributes: true, characterData: true,
  });
  new PerformanceObserver(function (list) {
    list.getEntries().forEach(function (task) {
      if (task.startTime + task.duration < meter.begun) return;
      meter.blocked += task.duration - 50;
      if (meter.begun) touch(task.startTime + task.duration);
    });
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver(function (list) {
    list.getEntries().forEach(function (entry) { if (!entry.hadRecentInput) meter.shift += entry.value; });
  }).observe({ type: "layout-shift", buffered: true });

  var ask = window.fetch;
  window.fetch = function () {
    meter.requests += 1;
    var done = function () { meter.requests -= 1; touch(performance.now()); };
    var answer = ask.apply(window, arguments);
    answer.then(done, done);
    return answer;
  };

  function every(selector, test) { return Array.prototype.every.call(document.querySelectorAll(selector), test); }

  function drawn(graph) {
    var plot = graph.querySelector(".js-plotly-plot");
    return Boolean(plot && plot._fullLayout && plot.querySelector(".main-svg"));
  }

  meter.finished = function () {
    return document.readyState === "complete" && meter.requests === 0 && !meter.painting && meter.changed > 0
      && performance.now() - Math.max(meter.changed, meter.painted) > QUIET
      && document.querySelector("[data-dash-is-loading], ._dash-loading, .ag-row-loading, .ag-overlay-loading-center") === null
      && every(".dash-graph", drawn);
  };

  // Waits in the page: to ask again and again from outside would keep it busy.
  meter.whenFinished = function () {
    return new Promise(function (resolve) {
      var timer = setInterval(function () {
        if (meter.finished()) { clearInterval(timer); resolve(true); }
      }, 25);
      setTimeout(function () { clearInterval(timer); resolve(false); }, MOST);
    });
  };

  // What follows is measured from the next click on, or from now.
  meter.arm = function () {
    window.addEventListener("click", function (event) { meter.begin(event.timeStamp); }, { capture: true, once: true });
  };
  meter.begin = function (when) {
    performance.clearResourceTimings();
    meter.begun = when === undefined ? performance.now() : when;
    meter.blocked = meter.shift = 0;
    touch(performance.now());
  };

  // Milliseconds in which the server was at work for the requests since `begin`; those at the same time count once.
  // What comes from the browser's cache repeats what the server said then.
  function serverTime() {
    var spans = performance.getEntriesByType("resource").filter(function (entry) { return entry.transferSize; }).map(function (entry) { return entry.serverTiming.filter(function (timing) { return timing.name === "app"; })[0]; })
      .filter(Boolean).map(function (timing) { return [+timing.description, +timing.description + timing.duration]; })
      .sort(function (a, b) { return a[0] - b[0]; });
    var sum = 0, end = 0;
    spans.forEach(function (span) {
      sum += Math.max(0, span[1] - Math.max(span[0], end));
      end = Math.max(end, span[1]);
    });
    return sum;
  }

  meter.read = function () {
    return { took: meter.painted - meter.begun, server: serverTime(), blocked: meter.blocked, shift: meter.shift };
  };
  performance.setResourceTimingBufferSize(5000);
  window.pageMeter = meter;
})();
