"""Runs every example and says at the end what each found and where its pictures lie. `make demo` calls this.

python examples/run_all.py           everything, in about half a minute
python examples/run_all.py --fast    one optimisation step of each, to see that it runs
"""

import argparse
from pathlib import Path
from time import perf_counter

import digits
import lynx_hare
import mixture

OUTPUT = Path(__file__).parent / "output"
EXAMPLES = [
    (digits, "Handwritten digits: a neural network trained by SciPy"),
    (lynx_hare, "Lynx and hare: rates of a differential equation, with error bars"),
    (mixture, "Irises: a Gaussian mixture, and the influence of every flower"),
]


def run_all(fast=False, out=OUTPUT):
    findings = {}
    for number, (example, title) in enumerate(EXAMPLES, start=1):
        print(f"\n[{number}/{len(EXAMPLES)}] {title}\n{'-' * 72}", flush=True)
        start = perf_counter()
        found = example.main(fast=fast, out=out)
        findings[example.__name__] = found
        print(f"done in {perf_counter() - start:.1f} s", flush=True)

    print(f"\nSummary\n{'-' * 72}")
    for name, found in findings.items():
        print(f"{name:10s} {found['headline']}")
    pictures = [picture for found in findings.values() for picture in found["pictures"]]
    print(f"\n{len(pictures)} pictures to look at:")
    for picture in pictures:
        print(f"  {picture}")
    return findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run all examples on real data.")
    parser.add_argument("--fast", action="store_true", help="only one optimisation step of each")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="folder for the pictures (default: %(default)s)")
    arguments = parser.parse_args()
    run_all(arguments.fast, arguments.out)
