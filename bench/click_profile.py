"""`python -m bench.click_profile`: where the time of a click on the dashboard goes.

Milliseconds, medians: processor time of the browser's main thread by kind of work, of the server by
request, because a busy machine makes a clock lie; and the profiler's samples of scripts by library,
which are longer than that, so only their shares count.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from bench import browser, page_servers
from bench.server_process import running_server
from bench.stores import stores

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

_KINDS = {
    "FunctionCall": "script", "EvaluateScript": "script", "v8.compile": "script",
    "v8.callFunction": "script",
    "RunMicrotasks": "script", "BlinkScheduler_PerformMicrotaskCheckpoint": "script",
    "EventDispatch": "script",
    "TimerFire": "script", "FireAnimationFrame": "script", "XHRReadyStateChange": "script",
    "MinorGC": "garbage collection", "MajorGC": "garbage collection",
    "V8.GC_TIME_TO_SAFEPOINT": "garbage collection",
    "UpdateLayoutTree": "style", "Layout": "layout", "HitTest": "layout",
    "IntersectionObserverController::computeIntersections": "layout",
    "PrePaint": "paint", "Paint": "paint", "Layerize": "paint", "Commit": "paint",
    "UpdateLayer": "paint", "CompositeLayers": "paint",
    "ParseHTML": "parse HTML",
}  # fmt: skip
"""What the events of Chromium's trace are counted as; the rest of a task is "other"."""

_CATEGORIES = ("toplevel", "devtools.timeline", "v8", "blink", "disabled-by-default-v8.gc")
_LIBRARIES = (
    ("plotly", "plotly"), ("async-graph", "Dash's graph"), ("community", "AG Grid"),
    ("dash_ag_grid", "AG Grid"), ("react-dom", "React"), ("react@", "React"),
    ("dash_renderer", "Dash's renderer"), ("dash_", "Dash's components"),
    ("/assets/", "our scripts"),
)  # fmt: skip
"""A part of a script's address, and what it is called."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    named = [step.name for step in browser.STEPS if step.name is not None]
    parser = argparse.ArgumentParser(prog="python -m bench.click_profile", description=__doc__)
    parser.add_argument("--sites", type=int, default=12, help="of the fleet that is filled")
    parser.add_argument("--database", help="the address of a database that is filled already")
    parser.add_argument("--runs", type=int, default=5, help="of each click")
    parser.add_argument(
        "--clicks", nargs="+", choices=named, default=["Clear filters"], metavar="CLICK",
        help=f"which: {', '.join(named)}; default: Clear filters",
    )  # fmt: skip
    parser.add_argument(
        "--functions", type=int, default=0, help="how many of the functions that take most to list"
    )
    options = parser.parse_args(arguments)
    with _filled(options.database, options.sites) as url:
        clicks = _measure(url, options.runs, options.clicks)
    for name, profile in clicks.items():
        print(f"\n{name}: main thread {statistics.median(profile.totals):.0f} ms, server "
              f"{statistics.median(profile.server):.0f} ms")  # fmt: skip
        _print("main thread, by kind", profile.kinds)
        _print("main thread, script by library", profile.libraries)
        if options.functions:
            _print("main thread, by function", profile.functions, options.functions)
        _print("server, by request", profile.requests)
    return 0


class _Profile:
    """The milliseconds of each run of a click: of the main thread, of the server, and their parts
    by name."""

    def __init__(self) -> None:
        self.totals: list[float] = []
        self.server: list[float] = []
        self.kinds: list[Mapping[str, float]] = []
        self.libraries: list[Mapping[str, float]] = []
        self.functions: list[Mapping[str, float]] = []
        self.requests: list[Mapping[str, float]] = []


@contextmanager
def _filled(database: str | None, sites: int) -> Iterator[str]:
    if database is not None:
        yield database
        return
    with stores(("sqlite",)) as opened, opened() as (store, *_):
        browser.fill(store, sites)
        yield store.ours.url.render_as_string(hide_password=False)


def _measure(url: str, runs: int, names: Sequence[str]) -> dict[str, _Profile]:
    """Each click `runs` times traced, and as often with the profiler, which itself takes time."""
    clicks = {name: _Profile() for name in names}
    with ExitStack() as running:
        served = {"AUTH": "none", "DATABASE_URL": url}
        port = running.enter_context(running_server(page_servers.COMMANDS[0], served))
        chromium = running.enter_context(browser.chromium())
        address = f"http://127.0.0.1:{port}/"
        page = running.enter_context(browser.opened(chromium, address))
        client = page.context.new_cdp_session(page)
        for number in range(-1, 2 * runs):
            for step in browser.STEPS:
                if number < 0 or step.name not in clicks:
                    _take(page, step)
                elif number % 2:
                    _profiled(page, client, step, clicks[step.name])
                else:
                    _traced(page, client, step, clicks[step.name])
            page.goto(address)
            browser.wait(page, "the Overview")
    return clicks


def _take(page: "Page", step: browser.Step) -> None:
    step.act(page)
    browser.wait(page, step.name or "a step between")


def _traced(page: "Page", client: "CDPSession", step: browser.Step, into: _Profile) -> None:
    events: list[dict[str, Any]] = []
    page.evaluate("performance.clearResourceTimings()")
    ended: list[object] = []

    def collect(data: dict[str, Any]) -> None:
        events.extend(data["value"])

    client.on("Tracing.dataCollected", collect)
    client.once("Tracing.tracingComplete", lambda data: ended.append(data))
    client.send(
        "Tracing.start",
        {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": list(_CATEGORIES)}},
    )
    _take(page, step)
    client.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    client.remove_listener("Tracing.dataCollected", collect)
    requests: dict[str, float] = page.evaluate(_REQUESTS)
    kinds = _by_kind(events)
    into.totals.append(sum(kinds.values()))
    into.kinds.append(kinds)
    into.server.append(sum(requests.values()))
    into.requests.append(requests)


_REQUESTS = """() => Object.fromEntries(performance.getEntriesByType("resource")
  .filter(entry => entry.serverTiming.length)
  .map((entry, i) => {
    const timing = entry.serverTiming.filter(each => each.name === "cpu")[0];
    return [i + 1 + " " + (timing ? timing.description : ""), timing ? timing.duration : 0];
  }))"""


def _by_kind(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The milliseconds of processor time of the main thread by kind of work, without what the
    events inside an event took."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    spans = sorted(
        (
            event
            for event in events
            if event["ph"] == "X" and "tdur" in event and (event["pid"], event["tid"]) in threads
        ),
        key=lambda event: (event["pid"], event["ts"], -event.get("dur", 0)),
    )
    sums: dict[str, float] = defaultdict(float)
    open_: list[tuple[float, str]] = []
    process = None
    for event in spans:
        if event["pid"] != process:
            open_, process = [], event["pid"]
        while open_ and event["ts"] >= open_[-1][0]:
            open_.pop()
        around = open_[-1][1] if open_ else None
        kind = _KINDS.get(event["name"], around or "other")
        took = event["tdur"] / 1000
        sums[kind] += took
        if around is not None:
            sums[around] -= took
        open_.append((event["ts"] + event["dur"], kind))
    return sums


def _profiled(page: "Page", client: "CDPSession", step: browser.Step, into: _Profile) -> None:
    client.send("Profiler.enable")
    client.send("Profiler.setSamplingInterval", {"interval": 500})
    client.send("Profiler.start")
    _take(page, step)
    profile = client.send("Profiler.stop")["profile"]
    nodes = {node["id"]: node["callFrame"] for node in profile["nodes"]}
    libraries: dict[str, float] = defaultdict(float)
    functions: dict[str, float] = defaultdict(float)
    for sample, delta in zip(profile["samples"], profile["timeDeltas"], strict=True):
        frame = nodes[sample]
        if frame["functionName"] in ("(idle)", "(root)"):
            continue
        library = _library(frame)
        libraries[library] += delta / 1000
        functions[f"{library} {frame['functionName'] or '?'}:{frame['columnNumber']}"] += (
            delta / 1000
        )
    into.libraries.append(libraries)
    into.functions.append(functions)


def _library(frame: Mapping[str, Any]) -> str:
    if frame["functionName"] == "(program)":
        return "browser (style, layout, paint)"
    if frame["functionName"] == "(garbage collector)":
        return "garbage collection"
    return next((name for part, name in _LIBRARIES if part in frame["url"]), "browser (DOM)")


def _print(title: str, runs: Sequence[Mapping[str, float]], most: int | None = None) -> None:
    names = {name for run in runs for name in run}
    medians = {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}
    print(f"  {title}")
    rows = sorted(medians.items(), key=lambda item: -item[1])[:most]
    for name, ms in rows:
        if ms >= 0.5:
            print(f"    {ms:7.1f}  {name}")


if __name__ == "__main__":
    sys.exit(main())
