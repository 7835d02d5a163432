// Builds elements from the data that dashboard/components/kit/drawn.py sends.
(function () {
  function build(node) {
    if (typeof node === "string") return document.createTextNode(node);
    var element = document.createElement(node[0]);
    Object.keys(node[1]).forEach(function (name) {
      var value = node[1][name];
      // Only addresses of this hub: collected data must never become a script URL.
      if (name === "href" && !/^(\/(?!\/)|#|\?)/.test(value)) return;
      // The Content-Security-Policy lets scripts set styles, but no style attributes.
      if (name === "style") element.style.cssText = value;
      else element.setAttribute(name, value === true ? "" : value);
    });
    node[2].forEach(function (child) { element.appendChild(build(child)); });
    return element;
  }

  function draw(place) {
    if (place.hubDrawn === place.dataset.drawn) return;
    place.hubDrawn = place.dataset.drawn;
    if (place.hubDrawn === undefined) return;  // the element belongs to a component now that is not drawn
    // Restore the focus to the element of the same id.
    var focused = place.contains(document.activeElement) && document.activeElement.id;
    place.replaceChildren.apply(place, JSON.parse(place.dataset.drawn).map(build));
    if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
    place.dispatchEvent(new CustomEvent("hubdrawn", { bubbles: true }));
  }

  // Only what changed is looked at: a page changes in many small steps, and may have thousands of elements.
  function drawIn(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    if (node.hasAttribute("data-drawn")) draw(node);
    Array.prototype.forEach.call(node.querySelectorAll("[data-drawn]"), draw);
  }
  new MutationObserver(function (records) {
    records.forEach(function (record) {
      if (record.type === "attributes") draw(record.target);
      else if (record.target.hubDrawn === undefined) Array.prototype.forEach.call(record.addedNodes, drawIn);
    });
  }).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["data-drawn"],
  });
})();
