// Marks each day in the date pickers with the state of its collections. Dash draws the calendar as
// the table of a month; this adds marks and titles to its cells.
(function () {
  var DAY = 86400000;
  var marks = null;

  function at(text, letters, day) {
    var place = Math.round((day - Date.parse(text)) / DAY);
    return letters.charAt(place) || "-";
  }

  // The first day of the month that a calendar shows, from the place of its name among the twelve
  // hidden ones that Dash renders; null when it cannot be determined.
  function displayedMonth(content) {
    var names = Array.prototype.map.call(content.querySelectorAll(".dash-datepicker-month-sizer"),
      function (element) { return element.textContent; });
    var name = content.querySelector(".dash-datepicker-controls .dash-dropdown-value-item");
    var year = content.querySelector(".dash-datepicker-controls input[type=number]");
    var month = name ? names.indexOf(name.textContent.trim()) : -1;
    return month < 0 || !year || !/^[0-9]{4}$/.test(year.value) ? null : Date.UTC(+year.value, month, 1);
  }

  function describe(day, letter) {
    var sources = Object.keys(marks.sources).filter(function (name) {
      var own = at(marks.first, marks.sources[name], day);
      return own !== "-" && own !== "c" && own !== "x";
    }).map(function (name) {
      return name + " " + marks.words[at(marks.first, marks.sources[name], day)];
    });
    return sources.length ? sources.join(", ") : marks.words[letter];
  }

  function legend(content) {
    var list = content.querySelector(".day-legend");
    if (!list) {
      list = document.createElement("div");
      list.className = "day-legend";
      content.appendChild(list);
    }
    if (list.childElementCount) return;
    var items = document.createElement("ul");
    Object.keys(marks.words).forEach(function (letter) {
      var item = document.createElement("li");
      var mark = document.createElement("span");
      mark.className = "mark day-" + marks.classes[letter];
      item.appendChild(mark);
      item.appendChild(document.createTextNode(marks.words[letter]));
      items.appendChild(item);
    });
    var about = document.createElement("p");
    about.textContent = marks.about;
    list.appendChild(items);
    list.appendChild(about);
  }

  function decorate(content) {
    var first = displayedMonth(content);
    if (first === null) return;
    var cells = content.querySelectorAll(".dash-datepicker-calendar td");
    var start = Array.prototype.findIndex.call(cells, function (cell) {
      return cell.classList.contains("dash-datepicker-calendar-date-inside");
    });
    Array.prototype.forEach.call(cells, function (cell, i) {
      var day = first + (i - start) * DAY;
      var letter = day < Date.parse(marks.first) ? "-" : at(marks.first, marks.together, day);
      // The last row of a calendar may be empty.
      var kind = (cell.textContent && marks.classes[letter]) || "";
      if (cell.dataset.mark === kind && cell.dataset.day === String(day)) return;
      cell.dataset.mark = kind;
      cell.dataset.day = String(day);
      if (kind) {
        cell.title = describe(day, letter);
        cell.setAttribute("aria-label", cell.textContent + ", " + cell.title);
      } else {
        cell.removeAttribute("title");
        cell.removeAttribute("aria-label");
      }
    });
    legend(content);
  }

  function update() {
    if (marks && marks.first) {
      Array.prototype.forEach.call(document.querySelectorAll(".dash-datepicker-content"), decorate);
    }
  }

  // Dash fires no event when a calendar opens or changes its month.
  var waiting = false;
  new MutationObserver(function () {
    if (waiting || !document.querySelector(".dash-datepicker-content")) return;
    waiting = true;
    requestAnimationFrame(function () { waiting = false; update(); });
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });

  window.hubMarkDays = function (data) { marks = data; update(); };
})();
