"""Runs the public suite of the array API standard with Nabla: `make conformance SUITE=path`, where the suite is checked out.

    git clone --recurse-submodules https://github.com/data-apis/array-api-tests
    make conformance SUITE=array-api-tests ARGS="--examples 100 -k linalg"

Nothing is left out or expected to fail. The last line says what came out, in one sentence for README.md.

One test fails now and then by a defect of its own, at the commit 55fcc60179: test_can_cast wants can_cast(complex64, float64) to be
True when it happens to draw this pair. It asks whether some promotion of complex64 gives float64, by `promotion_table.get(...) ==
to`; where there is no such promotion that is `None == to`, and NumPy's float64 dtype equals None. NumPy itself fails there, too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = "2025.12"


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description="Run the array API standard's own tests with Nabla.", allow_abbrev=False)
    parser.add_argument("suite", type=Path, help="where data-apis/array-api-tests is checked out, with its submodule")
    parser.add_argument("--examples", type=int, default=100, help="examples for each test (100 if not said)")
    parser.add_argument("--version", default=VERSION, help=f"of the standard ({VERSION} if not said)")
    parser.add_argument("--module", default="nabla", help="another library to compare with, such as numpy")
    return parser.parse_known_args()


def complaint(suite: Path, version: str) -> str | None:
    """What is wrong with the suite at this path, if anything is."""
    if not (suite / "array_api_tests").is_dir():
        return f"{suite} holds no array_api_tests; clone https://github.com/data-apis/array-api-tests and give its path"
    if not (suite / "array-api" / "spec" / version).is_dir():
        return f"{suite}/array-api holds no standard {version}; git submodule update --init there, or another --version, may help"
    missing = [name for name in ("ndindex", "pytest_jsonreport", "hypothesis") if find_spec(name) is None]
    if missing:
        return f"the suite needs {', '.join(missing)}: python -m pip install -r {suite}/requirements.txt"
    return None


def commit_of(suite: Path) -> str:
    done = subprocess.run(["git", "-C", suite, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def counts(report: Path) -> dict[str, int]:
    """How many tests there were, failed and were skipped; one that fails twice, in its body and after it, counts once."""
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {"passed": len(cases) - failed - skipped, "failed": failed, "skipped": skipped}


def main() -> int:
    given, rest = arguments()
    suite = given.suite.resolve()
    wrong = complaint(suite, given.version)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "ARRAY_API_TESTS_MODULE": given.module,
        "ARRAY_API_TESTS_VERSION": given.version,
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command += [f"--max-examples={given.examples}", "--disable-deadline", "array_api_tests", *rest]
        status = subprocess.run(command, cwd=suite, env=environment, check=False).returncode
        if not report.exists():
            return status or 1
        found = counts(report)
    print(
        f"{given.module}: {found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped by the suite itself; "
        f"standard {given.version}, {given.examples} examples a test, array-api-tests at {commit_of(suite)}"
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
