/* Suggestions under the search box: sites and devices while somebody types, by one request after a pause. Up and Down
   choose one, Enter opens it; without a choice Enter lists all that match (shell.js). */
(function () {
  "use strict";

  var PAUSE = 180, LEAST = 2;
  var timer = 0, asked = 0, request = null;

  function box() { return document.getElementById("search-text"); }
  function list() { return document.getElementById("suggestions"); }
  function options() { return Array.prototype.slice.call(list().querySelectorAll(".suggestion")); }
  function chosen() { return list() && list().querySelector("[aria-selected='true']"); }

  function expanded(is) {
    var input = box();
    if (!input || !list()) { return; }
    list().hidden = !is;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", "suggestions");
    input.setAttribute("aria-expanded", String(is));
    if (!is) { input.removeAttribute("aria-activedescendant"); }
  }

  function close() {
    clearTimeout(timer);
    asked += 1;
    if (request) { request.abort(); request = null; }
    if (list() && !list().hidden) { expanded(false); list().replaceChildren(); }
  }

  function made(tag, name, text) {
    var element = document.createElement(tag);
    element.className = name;
    if (text) { element.textContent = text; }
    return element;
  }

  function group(title, rows) {
    var head = made("div", "suggestion-head", title), part = made("div", "");
    head.id = "suggestions-" + rows[0].kind;
    part.setAttribute("role", "group");
    part.setAttribute("aria-labelledby", head.id);
    head.setAttribute("role", "presentation");
    part.appendChild(head);
    rows.forEach(function (row, place) {
      var option = made("a", "suggestion");
      option.id = "suggestion-" + row.kind + "-" + place;
      option.href = row.href;
      option.tabIndex = -1;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.appendChild(made("span", "suggestion-name", row.name));
      if (row.about) { option.appendChild(made("span", "suggestion-about", row.about)); }
      part.appendChild(option);
    });
    return part;
  }

  function show(found) {
    var sites = found.sites.map(function (site) {
      return { kind: "site", href: "/sites/" + site.site_id, name: site.name };
    });
    var devices = found.devices.map(function (device) {
      var about = [device.site, device.serial].filter(Boolean).join(" \u00b7 ");
      return { kind: "device", href: "/devices/" + device.device_id, name: device.name, about: about };
    });
    var words = list().dataset, parts = [];
    if (sites.length) { parts.push(group(words.sites, sites)); }
    if (devices.length) { parts.push(group(words.devices, devices)); }
    if (!parts.length) { close(); return; }
    var all = made("div", "suggestion-all", words.all);
    all.setAttribute("aria-hidden", "true");
    list().replaceChildren.apply(list(), parts.concat(all));
    expanded(true);
  }

  function suggest() {
    var text = box().value.trim(), turn = asked += 1;
    if (request) { request.abort(); }
    request = new AbortController();
    fetch("/api/search?q=" + encodeURIComponent(text), { signal: request.signal, headers: { Accept: "application/json" } })
      .then(function (answer) { return answer.ok ? answer.json() : { sites: [], devices: [] }; })
      .then(function (found) {
        // An answer that comes late, or after the box was left, is of no use.
        if (turn === asked && document.activeElement === box()) { show(found); }
      }, function () { /* Enter still lists all that match. */ });
  }

  function choose(step) {
    var all = options(), place = all.indexOf(chosen()) + step;
    if (place < -1) { place = all.length - 1; }
    all.forEach(function (option, i) { option.setAttribute("aria-selected", String(i === place)); });
    var option = all[place];
    if (option) { box().setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
    else { box().removeAttribute("aria-activedescendant"); }
  }

  document.addEventListener("input", function (event) {
    if (event.target !== box()) { return; }
    clearTimeout(timer);
    var text = event.target.value.trim();
    // One letter says little, unless it is a whole word of a script such as Chinese.
    if (text.length < LEAST && !/[^\x00-\x7f]/.test(text)) { close(); return; }
    timer = setTimeout(suggest, PAUSE);
  });

  document.addEventListener("keydown", function (event) {
    if (event.target !== box()) { return; }
    if (event.key === "Enter") {
      var option = chosen();
      if (option) { event.preventDefault(); event.stopPropagation(); option.click(); }
      close();
    } else if (list() && !list().hidden) {
      if (event.key === "ArrowDown") { event.preventDefault(); choose(1); }
      else if (event.key === "ArrowUp") { event.preventDefault(); choose(-1); }
      else if (event.key === "Escape") { event.preventDefault(); close(); }
    }
  }, true);

  // The box keeps the focus while an option is pressed; a link that is followed closes the list.
  document.addEventListener("mousedown", function (event) {
    if (event.target.closest && event.target.closest("#suggestions")) { event.preventDefault(); }
  });
  document.addEventListener("click", function (event) {
    var option = event.target.closest && event.target.closest(".suggestion");
    if (option && !(event.button || event.ctrlKey || event.metaKey || event.shiftKey)) {
      setTimeout(function () { close(); box().blur(); }, 0);
    }
  });
  document.addEventListener("focusout", function (event) { if (event.target === box()) { close(); } });
})();
