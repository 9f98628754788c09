"""The examples run on their real data and find what is known to be there."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def check_pictures(found, names):
    assert [picture.name for picture in found["pictures"]] == names
    for picture in found["pictures"]:
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
        assert picture.stat().st_size > 20_000, f"{picture} is nearly empty"


def test_digits_are_read(tmp_path, capsys):
    found = load("digits")["main"](out=tmp_path)
    assert found["accuracy"] > 0.96
    assert found["misread"] == round(500 * (1 - found["accuracy"]))
    # A step down the gradient of the mistake puts nearly every misread digit right (11 of 12 when this was written).
    assert found["mended"] >= 0.7 * found["misread"]
    check_pictures(found, ["digits_training.png", "digits_mistakes.png"])
    printed = capsys.readouterr().out
    assert "step  20" in printed and "step 100" in printed, "no progress shown"
    assert f"held-out accuracy {found['accuracy']:.1%}" in printed


def test_lynx_and_hare_rates(tmp_path, capsys):
    found = load("lynx_hare")["main"](out=tmp_path)
    rates, errors = found["rates"], found["errors"]
    # Carpenter's Stan case study, with priors: 0.55 (0.06), 0.028 (0.004), 0.80 (0.09), 0.024 (0.004).
    assert rates["alpha"] == pytest.approx(0.55, abs=0.03)
    assert rates["beta"] == pytest.approx(0.028, abs=0.002)
    assert rates["gamma"] == pytest.approx(0.80, abs=0.04)
    assert rates["delta"] == pytest.approx(0.024, abs=0.002)
    assert errors["alpha"] == pytest.approx(0.06, rel=0.3)
    assert errors["beta"] == pytest.approx(0.004, rel=0.3)
    assert errors["gamma"] == pytest.approx(0.09, rel=0.3)
    assert errors["delta"] == pytest.approx(0.0035, rel=0.3)
    years, error = found["cycle"]
    assert 9.5 < years < 11 and 0.05 < error < 0.5
    check_pictures(found, ["lynx_hare.png"])
    assert "step  10" in capsys.readouterr().out, "no progress shown"


def test_lynx_and_hare_solver_keeps_the_invariant():
    """Along an orbit delta H - gamma log H + beta L - alpha log L is constant, so the loop does solve the equations."""
    example = load("lynx_hare")
    theta = np.log([0.55, 0.028, 0.8, 0.024, 34, 6, 0.25, 0.25])
    alpha, beta, gamma, delta = np.exp(theta[:4])
    log_hare, log_lynx = np.asarray(example["simulate"](theta)).T
    kept = delta * np.exp(log_hare) - gamma * log_hare + beta * np.exp(log_lynx) - alpha * log_lynx
    assert np.ptp(log_hare) > 1  # it does move
    assert np.ptp(kept) < 1e-4


def test_mixture_finds_the_species(tmp_path, capsys):
    found = load("mixture")["main"](out=tmp_path)
    flowers = load_iris().data
    by_em = GaussianMixture(3, reg_covar=0, tol=1e-9, max_iter=2000, random_state=0).fit(flowers)
    assert found["likelihood"] == pytest.approx(by_em.score(flowers) * len(flowers), abs=1e-3)
    assert found["purity"] > 0.95
    assert found["balance"] < 1e-4, "the pulls of all flowers must cancel at the maximum"
    assert found["agreement"] > 0.99, "the gradients must predict what leaving a flower out does"
    np.testing.assert_allclose(found["values"][:, 0], np.sort(by_em.weights_)[[1, 0, 2]], atol=1e-3)
    # Setosa stands apart: its share and mean have the textbook errors sqrt(p (1 - p) / n) and s / sqrt(n).
    share, _, spread = found["values"][0]
    np.testing.assert_allclose(found["errors"][0, 0], np.sqrt(share * (1 - share) / 150), rtol=1e-3)
    np.testing.assert_allclose(found["errors"][0, 1], spread / np.sqrt(50), rtol=1e-3)
    np.testing.assert_allclose(found["robust"], found["errors"], rtol=0.3)
    check_pictures(found, ["mixture.png"])
    assert "fitted again without flower 40" in capsys.readouterr().out, "no progress shown"


def test_run_all_in_one_step_each(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)
    findings = load("run_all")["run_all"](fast=True, out=tmp_path)
    for name in findings:  # the examples import as top-level modules only here
        assert name not in before
        monkeypatch.delitem(sys.modules, name)
    assert list(findings) == ["digits", "lynx_hare", "mixture"]
    printed = capsys.readouterr().out
    for number, found in enumerate(findings.values(), start=1):
        assert f"[{number}/3]" in printed
        assert found["headline"] in printed
        for picture in found["pictures"]:
            assert str(picture) in printed and picture.exists()


def test_two_processes_train_the_gradient_of_one():
    code = "import sys; import digits_distributed as d; sys.exit(0 if d.main(steps=3) else 1)"
    env = {**os.environ, "PYTHONPATH": f"{EXAMPLES.parent / 'src'}{os.pathsep}{EXAMPLES}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=EXAMPLES, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    difference = re.search(r"is that of one device to (\S+) of its size", done.stdout)
    assert float(difference.group(1)) < 1e-12
    assert "held-out accuracy" in done.stdout
