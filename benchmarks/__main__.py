"""Runs every benchmark, or those named, and keeps what each gave: `python -m benchmarks due start`."""

import sys

from benchmarks import alert, audit, cold, courier, crowd, due, fan, growth, moves, page, push, replay, start, sweep, units, watch
from benchmarks.report import Result, kept, printed

ALL = {
    one.__name__.rpartition(".")[2]: one.measured
    for one in (due, replay, moves, page, sweep, units, growth, alert, courier, fan, push, watch, crowd, audit, start, cold)
}


def main() -> int:
    """Run and report; the exit status tells whether every goal was met."""
    names = sys.argv[1:] or list(ALL)
    if unknown := [name for name in names if name not in ALL]:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    for name in names:
        print(f"running {name} ...", flush=True)
        found = ALL[name]()
        kept(name, found)
        results.extend(found)
    printed(results)
    return 0 if all(result.met is not False for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
