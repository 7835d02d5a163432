// A changed filter is an input of callbacks of every page. Dash takes all of them up, compares each with each other, and
// then drops those that fill nothing mounted: of 36 callbacks 33, after 30,000 comparisons. It is told of those three
// only; the others are asked for when their page is mounted.
(function () {
  function fillsMounted(callback, mounted) {
    return !callback.outputs.length || callback.outputs.some(function (output) {
      return typeof output.id !== "string" || output.id in mounted;
    });
  }

  // The places of the mounted components by id. While Dash writes its state nobody may read it: null.
  function mountedIn(store) {
    try { return store.getState().paths.strs; } catch (busy) { return null; }
  }

  function leaveOutUnmounted(store) {
    var inputs = store.getState().graphs.inputMap;
    Object.keys(inputs).forEach(function (id) {
      Object.keys(inputs[id]).forEach(function (property) {
        var callbacks = inputs[id][property];
        callbacks.forEach = function (take) {
          var mounted = mountedIn(store);
          callbacks.filter(function (each) { return !mounted || fillsMounted(each, mounted); }).forEach(take);
        };
      });
    });
  }

  var done = false;
  window.hubCallbacks = {
    // By the first callback that runs: Dash then knows them all, for good.
    leaveOutUnmounted: function () {
      if (!done) leaveOutUnmounted(window.dash_stores[0]);
      done = true;
    },
  };
})();
