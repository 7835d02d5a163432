// Draws the fields of dashboard/components/kit/fields.py from native elements: a choice of several
// as a button with a list of checkboxes, and a day as a date input with a calendar. Their values are
// the property data-value: callbacks write it, and a person's choice sets it.
(function () {
  "use strict";

  var SHOWN = 200;
  var TYPING_MS = 700;
  var open = null;  // {field, panel, button, fill}

  function make(tag, attributes, children) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      var value = attributes[name];
      if (value === null || value === undefined || value === false) return;
      element.setAttribute(name, value === true ? "" : value);
    });
    (children || []).forEach(function (child) { element.append(child); });
    return element;
  }

  function words(field) { return JSON.parse(field.dataset.words); }
  function chosen(field) { return JSON.parse(field.dataset.value || "[]"); }
  function plain(text) { return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase(); }

  function set(field, value) {
    if (field.dataset.value === value) return;
    field.dataset.value = value;
    window.dash_clientside.set_props(field.id, { "data-value": value });
  }

  // What floats under a field: it takes the focus, Esc or a click elsewhere closes it.
  function openPanel(field, button, panel, fill) {
    close();
    field.append(panel);
    button.setAttribute("aria-expanded", "true");
    open = { field: field, panel: panel, button: button, fill: fill };
    var over = panel.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) panel.style.marginLeft = -over + "px";
  }

  function close(focus) {
    if (!open) return;
    var was = open;
    open = null;
    was.panel.remove();
    was.button.setAttribute("aria-expanded", "false");
    if (focus) was.button.focus();
  }

  // A choice of several.

  function drawChoices(field) {
    var said = words(field);
    var id = field.id;
    var text = make("span", { id: id + "-text", "class": "choices-text" });
    var button = make("button", {
      id: id + "-button", type: "button", "class": "form-select", "aria-haspopup": "dialog", "aria-expanded": "false",
      "aria-labelledby": id + "-label " + id + "-text",
    }, [text]);
    field.replaceChildren(make("label", { "class": "form-label", id: id + "-label", "for": id + "-button" }, [field.dataset.label]), button);
    button.addEventListener("click", function () {
      if (open && open.field === field) close(true); else openChoices(field, button, said);
    });
    button.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" && !(open && open.field === field)) { event.preventDefault(); button.click(); }
    });
    field.hubUpdate = function () {
      var values = chosen(field);
      var options = JSON.parse(field.dataset.options || "[]");
      var labels = options.filter(function (option) { return values.indexOf(option[1]) >= 0; })
        .map(function (option) { return option[0]; });
      text.textContent = labels.length === options.length && said.everything || labels.join(", ") || said.nothing;
      button.classList.toggle("nothing", !labels.length);
      if (open && open.field === field) {
        Array.prototype.forEach.call(open.panel.querySelectorAll("[type=checkbox]"), function (box) {
          box.checked = values.indexOf(box.value) >= 0;
        });
        open.panel.querySelector(".choices-clear").disabled = !values.length;
      }
    };
  }

  function openChoices(field, button, said) {
    var options = JSON.parse(field.dataset.options || "[]");
    var first = chosen(field);
    // What is chosen comes first, also when the rest is too long to be shown.
    options = options.filter(function (option) { return first.indexOf(option[1]) >= 0; })
      .concat(options.filter(function (option) { return first.indexOf(option[1]) < 0; }))
      .map(function (option) { return { label: option[0], value: option[1], plain: plain(option[0]) }; });
    var list = make("div", { "class": "choices-list", role: "group", "aria-label": field.dataset.label });
    var note = make("p", { "class": "choices-note", role: "status" });
    var find = said.find && make("input", {
      type: "search", "class": "form-control", "aria-label": said.find, placeholder: said.type, autocomplete: "off", maxlength: "80",
    });
    var none = make("button", { type: "button", "class": "btn btn-link btn-sm choices-clear", disabled: !first.length }, [said.clear]);
    var panel = make("div", { "class": "field-panel choices-panel", role: "dialog", "aria-label": field.dataset.label },
      (find ? [find] : []).concat([list, note, none]));

    function fill() {
      var asked = plain(find ? find.value.trim() : "");
      var found = options.filter(function (option) { return option.plain.indexOf(asked) >= 0; });
      var values = chosen(field);
      list.replaceChildren.apply(list, found.slice(0, SHOWN).map(function (option, i) {
        var box = make("input", { type: "checkbox", "class": "form-check-input", value: option.value, tabindex: i ? "-1" : "0" });
        box.checked = values.indexOf(option.value) >= 0;
        return make("label", { "class": "choices-row" }, [box, make("span", {}, [option.label])]);
      }));
      note.textContent = !found.length ? said.none
        : found.length > SHOWN ? said.more.replace("{n}", (found.length - SHOWN).toLocaleString(document.documentElement.lang || "en")) : "";
    }

    function ticked() {
      var values = chosen(field);
      var known = options.map(function (option) { return option.value; });
      Array.prototype.forEach.call(list.querySelectorAll("[type=checkbox]"), function (box) {
        var place = values.indexOf(box.value);
        if (box.checked && place < 0) values.push(box.value);
        if (!box.checked && place >= 0) values.splice(place, 1);
      });
      set(field, JSON.stringify(values.filter(function (value) { return known.indexOf(value) >= 0; })));
    }

    list.addEventListener("change", ticked);
    none.addEventListener("click", function () { set(field, "[]"); field.hubUpdate(); (find || list.querySelector("input")).focus(); });
    if (find) find.addEventListener("input", fill);
    panel.addEventListener("keydown", function (event) {
      var boxes = Array.prototype.slice.call(list.querySelectorAll("[type=checkbox]"));
      var stops = (find ? [find] : []).concat(boxes);
      var at = stops.indexOf(event.target);
      if (at < 0) return;
      var next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: event.target === find ? at : 0, End: event.target === find ? at : stops.length - 1 }[event.key];
      if (event.key === "Enter") {
        var box = event.target === find ? boxes[0] : event.target;
        event.preventDefault();
        if (box) { box.checked = !box.checked; ticked(); }
      }
      if (next === undefined || next === at) return;
      event.preventDefault();
      var stop = stops[Math.max(0, Math.min(next, stops.length - 1))];
      boxes.forEach(function (each) { each.tabIndex = each === stop ? 0 : -1; });
      stop.focus();
    });
    fill();
    openPanel(field, button, panel, fill);
    (find || list.querySelector("input") || none).focus();
  }

  // A day.

  var marks = null;
  var DAY = 86400000;

  function iso(time) { return new Date(time).toISOString().slice(0, 10); }
  function lang() { return document.documentElement.lang || "en"; }
  function named(time, options) { return new Intl.DateTimeFormat(lang(), Object.assign({ timeZone: "UTC" }, options)).format(time); }
  function monthName(time) { return named(time, { month: "short" }).replace(".", ""); }
  function dayName(time) { return new Date(time).getUTCDate() + " " + monthName(time) + " " + new Date(time).getUTCFullYear(); }
  function at(letters, time) {
    return marks && marks.first ? letters.charAt(Math.round((time - Date.parse(marks.first)) / DAY)) || "-" : "-";
  }
  function lastDay(field) {
    if (field.dataset.last) return Date.parse(field.dataset.last);
    return marks && marks.first ? Date.parse(marks.first) + (marks.together.length - 1) * DAY : Date.parse(iso(Date.now()));
  }
  function firstDay(field) {
    if (!field.dataset.last && marks && marks.first) return Date.parse(marks.first);
    return lastDay(field) - 800 * DAY;
  }

  function describe(letter, time) {
    var sources = Object.keys(marks.sources).filter(function (name) { return "-cx".indexOf(at(marks.sources[name], time)) < 0; })
      .map(function (name) { return name + " " + marks.words[at(marks.sources[name], time)]; });
    return sources.length ? sources.join(", ") : marks.words[letter];
  }

  function drawDay(field) {
    var said = words(field);
    var id = field.id;
    var input = make("input", { type: "date", id: id + "-input", "class": "form-control", min: "2000-01-01" });
    var shown = make("span", { "class": "day-text", "aria-hidden": "true" });
    var button = make("button", { type: "button", "class": "day-open", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-label": said.open, title: said.open },
      [make("span", { "class": "icon icon-calendar", "aria-hidden": "true" })]);
    field.replaceChildren(
      make("label", { "class": "form-label", "for": input.id }, [field.dataset.label]),
      make("div", { "class": "day-field" }, [input, shown, button]));
    // A day half typed is valid too: what is typed counts when the keys rest, on Enter, or on leaving.
    var timer = 0, typed = 0, isHalfTyped = false;
    function take() {
      clearTimeout(timer);
      isHalfTyped = false;
      if (input.validity.valid) set(field, input.value); else field.hubUpdate();
    }
    input.addEventListener("keydown", function (event) {
      typed = Date.now();
      if (event.key === "Enter") { event.preventDefault(); take(); }
    });
    input.addEventListener("input", function () {
      clearTimeout(timer);
      isHalfTyped = Date.now() - typed <= TYPING_MS;
      if (!isHalfTyped) take();
      else if (input.validity.valid) timer = setTimeout(take, TYPING_MS);
    });
    input.addEventListener("blur", take);
    button.addEventListener("click", function () {
      if (open && open.field === field) close(true); else openCalendar(field, button, said);
    });
    field.hubUpdate = function () {
      var value = field.dataset.value || "";
      input.max = iso(lastDay(field));
      // The marks of the days may come while somebody types.
      if (input.value !== value && !isHalfTyped) input.value = value;
      shown.textContent = value ? dayName(Date.parse(value)) : said.nothing;
      field.classList.toggle("nothing", !value);
    };
  }

  function openCalendar(field, button, said) {
    var last = lastDay(field), first = firstDay(field);
    var day = Math.max(first, Math.min(Date.parse(field.dataset.value) || last, last));
    var months = [];
    for (var month = monthOf(last); month >= monthOf(first); month = monthOf(month - DAY)) months.push(month);
    var select = make("select", { "class": "form-select", "aria-label": said.month }, months.map(function (each) {
      return make("option", { value: each }, [monthName(each) + " " + new Date(each).getUTCFullYear()]);
    }));
    function turn(way, label, icon) {
      var arrow = make("button", { type: "button", "class": "btn btn-secondary square", "aria-label": label, title: label }, [icon]);
      arrow.addEventListener("click", function () { show(moved(day, way), false); });
      return arrow;
    }
    var before = turn(-1, said.previous, "\u2039"), after = turn(1, said.next, "\u203a");
    var table = make("table", { "class": "day-table" });
    var none = make("button", { type: "button", "class": "btn btn-link btn-sm" }, [said.nothing]);
    var panel = make("div", { "class": "field-panel day-panel", role: "dialog", "aria-label": field.dataset.label },
      [make("div", { "class": "day-head" }, [before, select, after]), table, none].concat(marks && marks.first && !field.dataset.last ? [legend()] : []));

    function monthOf(time) { var date = new Date(time); return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1); }
    // The same day of the month before or after; the last one of a shorter month.
    function moved(time, way) {
      var date = new Date(time);
      var days = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + way + 1, 0)).getUTCDate();
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + way, Math.min(date.getUTCDate(), days));
    }
    function show(time, focus) {
      day = Math.max(first, Math.min(time, last));
      var start = monthOf(day);
      select.value = String(start);
      before.disabled = start <= monthOf(first);
      after.disabled = start >= monthOf(last);
      var monday = start - ((new Date(start).getUTCDay() + 6) % 7) * DAY;
      var head = make("tr"), body = make("tbody");
      for (var i = 0; i < 7; i++) head.append(make("th", { scope: "col", abbr: named(monday + i * DAY, { weekday: "long" }) }, [named(monday + i * DAY, { weekday: "narrow" })]));
      for (var week = monday; week < moved(start, 1); week += 7 * DAY) {
        var row = make("tr");
        for (i = 0; i < 7; i++) row.append(monthOf(week + i * DAY) === start ? dayCell(week + i * DAY) : make("td"));
        body.append(row);
      }
      table.replaceChildren(make("thead", {}, [head]), body);
      if (focus) table.querySelector("[tabindex='0']").focus();
    }
    function dayCell(time) {
      var letter = field.dataset.last ? "-" : at(marks ? marks.together : "", time);
      var kind = marks && marks.classes[letter];
      var title = kind ? describe(letter, time) : null;
      return make("td", { "data-mark": kind, title: title }, [make("button", {
        type: "button", tabindex: time === day ? "0" : "-1", "data-day": time, disabled: time < first || time > last,
        "aria-label": dayName(time) + (title ? ", " + title : ""), "aria-current": iso(time) === field.dataset.value ? "date" : null,
      }, [String(new Date(time).getUTCDate())])]);
    }
    select.addEventListener("change", function () { show(moved(+select.value, 0), false); });
    table.addEventListener("click", function (event) {
      var pressed = event.target.closest("[data-day]");
      if (!pressed) return;
      close(true);
      set(field, iso(+pressed.dataset.day));
      field.hubUpdate();
    });
    table.addEventListener("keydown", function (event) {
      var step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
      var way = { PageUp: -1, PageDown: 1 }[event.key];
      if (!step && !way) return;
      event.preventDefault();
      show(step ? day + step * DAY : moved(day, way), true);
    });
    none.addEventListener("click", function () { close(true); set(field, ""); field.hubUpdate(); });
    openPanel(field, button, panel, function () { show(day, false); });
    show(day, true);
  }

  function legend() {
    return make("div", { "class": "day-legend" }, [
      make("ul", {}, Object.keys(marks.words).map(function (letter) {
        return make("li", {}, [make("span", { "class": "mark day-" + marks.classes[letter] }), marks.words[letter]]);
      })),
      make("p", {}, [marks.about]),
    ]);
  }

  // The state of each day, from dashboard/components/shell/day_marks.py.
  window.hubMarkDays = function (data) {
    var unmarked = !marks;
    marks = data;
    Array.prototype.forEach.call(document.querySelectorAll("[data-field=day]"), function (field) { if (field.hubUpdate) field.hubUpdate(); });
    // A calendar that was opened before they came: once more, with its marks.
    var early = unmarked && open && open.field.dataset.field === "day" && open.field.querySelector(".day-open");
    if (early) { close(); early.click(); }
  };

  // Draw fields as they come, and show what callbacks write into them.

  function draw(changes) {
    Array.prototype.forEach.call(document.querySelectorAll("[data-field]:empty"), function (field) {
      (field.dataset.field === "day" ? drawDay : drawChoices)(field);
      field.hubUpdate();
    });
    changes.forEach(function (change) {
      if (change.type === "attributes" && change.target.hubUpdate) change.target.hubUpdate();
    });
    if (open && !open.field.isConnected) open = null;
  }
  new MutationObserver(draw).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["data-value", "data-options"],
  });

  document.addEventListener("pointerdown", function (event) {
    if (open && !open.field.contains(event.target)) close();
  });
  document.addEventListener("focusin", function (event) {
    if (open && !open.field.contains(event.target)) close();
  });
  // In the capture phase: Esc closes the panel and nothing behind it.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    event.preventDefault();
    close(true);
  }, true);
})();
