// Requests of callbacks: one after the other; and those of a page that is opened at once, not when it is mounted.
(function () {
  var CALLBACKS = "/_dash-update-component";
  var ROUTER = /^\.\._pages_content\./, AROUND = /^(\.\.strip|days|pending)\./;
  // Milliseconds: how long a request waits for the one before, how long an answer that came ahead is of use.
  var LONGEST_TURN = 150, LONGEST_KEPT = 10000;
  var STORED = "hub-questions";
  var ask = window.fetch;

  // The server computes one at a time anyway, so its first answer comes sooner and is drawn while it works on the
  // next. A page itself is asked for at once; what stands around it (strip, chips, calendars, the number of pending
  // decisions) after its first answer. None waits long for one that takes long.
  var before = Promise.resolve(), around = [];
  function inTurn(send, output, now) {
    var isAround = AROUND.test(output);
    var turn = isAround ? new Promise(function (resolve) { around.push(resolve); }) : before;
    var enough = new Promise(function (resolve) { setTimeout(resolve, LONGEST_TURN); });
    var answer = now || ROUTER.test(output) ? send() : Promise.race([turn, enough]).then(send);
    if (!isAround) {
      var released = around.splice(0);
      before = answer.then(function () {}, function () {});
      before.then(function () { released.forEach(function (release) { release(); }); });
    }
    return answer;
  }

  // What a page asks when it opens is known from the last time it did, in this tab: the same, with what the address
  // says. So it is asked with the click, and the server works while the browser takes the other page away and mounts
  // this one. What Dash then asks is compared whole: an answer to anything else is not taken.
  var known = {};
  try { known = JSON.parse(sessionStorage.getItem(STORED)) || {}; } catch (refused) { /* not kept */ }
  var latest = {};  // by id: the values of the stores of the shell, as they were last sent
  var last = null;  // the arguments of the last request: its headers are those of every one
  var opening = null;  // the page that opens, whose questions are remembered
  var ahead = [];

  function placeOf(path, search) {
    var named = window.hubAddress.named.filter(function (start) { return path.indexOf(start) === 0; })[0];
    return { page: named || path, name: named ? path.slice(named.length) : null, path: path, search: search };
  }

  function sent(question) { return (question.inputs || []).concat(question.state || []); }
  function keyOf(question) { return JSON.stringify([question.output, question.inputs, question.state]); }
  function isOfPage(question) {
    return ROUTER.test(question.output) || (question.inputs || []).some(function (input) { return input.id === "filters"; });
  }

  // The question as it is asked at another address.
  function moved(question, from, to) {
    question = JSON.parse(JSON.stringify(question));
    sent(question).forEach(function (each) {
      if (each.property === "pathname") each.value = to.path;
      else if (each.property === "search") each.value = to.search;
      else if (each.id === "filters") each.value = to.search.slice(1);
      else if (each.id in latest) each.value = latest[each.id];
      else if (from.name !== null && each.value === from.name) each.value = to.name;
    });
    return question;
  }

  // Ask now what the page at this address will ask. Its first question does not wait for its layout: the browser
  // would be too busy to send it then.
  function open(path, search) {
    // What Dash waits for goes on: it would be an error.
    ahead.forEach(function (each) { each.stop.abort(); });
    var to = placeOf(path, search);
    opening = { place: to, questions: [] };
    var page = last && known[to.page];
    var first = page && page.questions.filter(function (each) { return !ROUTER.test(each.output) && !AROUND.test(each.output); })[0];
    ahead = !page ? [] : page.questions.map(function (each) {
      var question = moved(each, page.place, to), stop = new AbortController();
      var how = Object.assign({}, last.how, { body: JSON.stringify(question), signal: stop.signal });
      var answer = inTurn(function () { return ask.call(window, last.what, how); }, question.output, each === first);
      answer.catch(function () { /* nobody may be waiting for it */ });
      return { key: keyOf(question), answer: answer, stop: stop, at: performance.now() };
    });
  }

  // The answer that was asked for ahead; null without one.
  function taken(question) {
    var key = keyOf(question);
    var found = ahead.filter(function (each) { return each.key === key && performance.now() - each.at < LONGEST_KEPT; })[0];
    if (found) ahead.splice(ahead.indexOf(found), 1);
    return found ? found.answer : null;
  }

  // The questions of a page are those that came before its first answer was drawn.
  function remember(question, answer) {
    var page = opening;
    if (!page || !isOfPage(question)) return;
    if (ROUTER.test(question.output)) page.questions = [];
    page.questions.push(question);
    if (ROUTER.test(question.output) || AROUND.test(question.output)) return;
    answer.then(function () {
      setTimeout(function () {
        if (opening !== page) return;
        opening = null;
        known[page.place.page] = page;
        try { sessionStorage.setItem(STORED, JSON.stringify(known)); } catch (refused) { /* not kept */ }
      });
    }, function () {});
  }

  function callback(what, how) {
    var question = JSON.parse(how.body);
    last = { what: what, how: how };
    sent(question).forEach(function (each) { if (each.id === "snapshot" || each.id === "settled") latest[each.id] = each.value; });
    var answer = taken(question) || inTurn(function () { return ask.call(window, what, how); }, question.output);
    remember(question, answer);
    return answer;
  }

  opening = { place: placeOf(location.pathname, location.search), questions: [] };
  window.hubRequests = {
    open: open,
    // As `fetch`.
    send: function (what, how) {
      var isCallback = String((what && what.url) || what).indexOf(CALLBACKS) >= 0 && how && typeof how.body === "string";
      return isCallback ? callback(what, how) : ask.call(window, what, how);
    },
  };
})();
