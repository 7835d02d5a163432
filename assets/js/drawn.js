// Builds elements from the data that dashboard/components/kit/drawn.py sends.
(function () {
  function build(node) {
    if (typeof node === "string") return document.createTextNode(node);
    var element = document.createElement(node[0]);
    Object.keys(node[1]).forEach(function (name) {
      var value = node[1][name];
      // Only addresses of this hub: collected data must never become a script URL.
      if (name === "href" && !/^(\/(?!\/)|#|\?)/.test(value)) return;
      element.setAttribute(name, value === true ? "" : value);
    });
    node[2].forEach(function (child) { element.appendChild(build(child)); });
    return element;
  }

  function draw(place) {
    if (place.hubDrawn === place.dataset.drawn) return;
    place.hubDrawn = place.dataset.drawn;
    // Restore the focus to the element of the same id.
    var focused = place.contains(document.activeElement) && document.activeElement.id;
    place.replaceChildren.apply(place, JSON.parse(place.dataset.drawn).map(build));
    if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
    place.dispatchEvent(new CustomEvent("hubdrawn", { bubbles: true }));
  }

  function drawAll() { Array.prototype.forEach.call(document.querySelectorAll("[data-drawn]"), draw); }
  new MutationObserver(drawAll).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["data-drawn"],
  });
})();
