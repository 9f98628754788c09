"""Predator and prey: the Lotka-Volterra rates behind twenty-one years of the Hudson's Bay Company's fur trade.

The model says how the hares H and the lynx L grow:

    dH/dt = (alpha - beta L) H        dL/dt = (delta H - gamma) L

A Runge-Kutta solver, written as a plain Python loop, turns rates and a starting point into two curves; the pelts
scatter around the curves by lognormal noise. We maximise the likelihood with the gradient through the whole solver; the
Hessian at the maximum gives the standard errors, and the Jacobian of the curves gives their uncertainty band.

Run it with `python examples/lynx_hare.py`; the picture goes to examples/output.
"""

from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize

import nabla as nb

OUTPUT = Path(__file__).parent / "output"

# Thousands of pelts that the Hudson's Bay Company took in, 1900 to 1920. The record goes back to C. G. Hewitt, "The
# Conservation of the Wild Life of Canada" (1921); the numbers are those of P. Howard's lecture notes "Modeling Basics"
# (Texas A&M University, 2009), which B. Carpenter's Stan case study (2018) made well known.
YEARS = np.arange(1900, 1921)
HARE = "30 47.2 70.2 77.4 36.3 20.6 18.1 21.4 22 25.4 27.1 40.3 57 76.6 52.3 19.5 11.2 7.6 14.6 16.2 24.7"
LYNX = "4 6.1 9.8 35.2 59.4 41.7 19 13 8.3 9.1 7.4 8 12.3 19.5 45.7 51.1 29.7 15.8 9.7 10.1 8.6"
PELTS = np.array([HARE.split(), LYNX.split()], float).T
PER_YEAR = 5  # solver steps a year; ten give the same rates to four digits

# What is fitted is the logarithm of each of these, so that everything stays positive whatever the optimiser tries.
NAMES = ["alpha", "beta", "gamma", "delta", "hares in 1900", "lynx in 1900", "noise of hares", "noise of lynx"]


def growth(state, rates):
    """The right-hand side for the logarithms of both populations: the growth rate per head."""
    hare, lynx = nb.exp(state)
    alpha, beta, gamma, delta = rates
    return nb.stack([alpha - beta * lynx, delta * hare - gamma])


def simulate(theta, years=20.0, steps=20 * PER_YEAR):
    """The logarithms of hares and lynx at every solver step, by the classical Runge-Kutta method: (steps + 1, 2)."""
    rates, state = tuple(nb.exp(theta[:4])), theta[4:6]
    h = years / steps
    path = [state]
    for _ in range(steps):
        k1 = growth(state, rates)
        k2 = growth(state + h / 2 * k1, rates)
        k3 = growth(state + h / 2 * k2, rates)
        k4 = growth(state + h * k3, rates)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(state)
    return nb.stack(path)


def balance(theta):
    """The logarithms of the populations at which nothing changes: gamma / delta hares and alpha / beta lynx."""
    return nb.stack([theta[2] - theta[3], theta[0] - theta[1]])


def surprise(theta):
    """Minus the logarithm of the likelihood of all pelts (up to a constant)."""
    noise = theta[6:8]
    miss = (np.log(PELTS) - simulate(theta)[::PER_YEAR]) / nb.exp(noise)
    return nb.sum(miss**2 / 2 + noise)


def first_guess():
    """A ten-year cycle around the mean of the data: near the balance point a turn takes 2 pi / sqrt(alpha gamma)."""
    rate = 2 * np.pi / 10
    hare, lynx = PELTS.mean(axis=0)
    return np.log([rate, rate / lynx, rate, rate / hare, *PELTS[0], 0.5, 0.5])


def fit(steps):
    """Maximise the likelihood with BFGS. One line per few steps shows that it works."""
    count, start = 0, perf_counter()

    def report(intermediate_result):
        nonlocal count
        count += 1
        if count % 10 == 0 or count in (1, 2, 5):
            rates = "  ".join(f"{name} {value:.4f}" for name, value in zip(NAMES, np.exp(intermediate_result.x[:4])))
            surprise_now, seconds = float(intermediate_result.fun), perf_counter() - start
            print(f"  step {count:3d}   surprise {surprise_now:9.3f}   {rates}   {seconds:5.1f} s", flush=True)

    found = minimize(
        nb.value_and_grad(surprise), first_guess(), jac=True, method="BFGS", callback=report, options={"maxiter": steps}
    )
    return found.x


def cycle(theta, years=10.0):
    """How long one turn of the fitted cycle takes, and the gradient of that time with respect to theta.

    The time T solves F(T, theta) = hares(T) - hares(0) = 0. Newton's method finds it, since the solver can be
    differentiated with respect to its end time too; then the implicit function theorem gives the gradient of the
    answer without differentiating the search for it: dT/dtheta = -F_theta / F_T.
    """

    def gap(years, theta):
        return (simulate(theta, years) - theta[4:6])[-1, 0]

    for _ in range(8):
        value, slope = nb.value_and_grad(gap)(years, theta)
        years = years - float(value) / float(slope)
    slope, uphill = nb.grad(gap, argnums=(0, 1))(years, theta)
    return years, -np.asarray(uphill) / float(slope)


def picture(theta, path, spread, covariance, years, file):
    blue, red = "tab:blue", "tab:red"
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
    time = np.linspace(YEARS[0], YEARS[-1], len(path))
    noise = np.exp(theta[6:8])
    for k, (name, colour) in enumerate([("hare", blue), ("lynx", red)]):
        for width, alpha in [(np.hypot(spread[:, k], noise[k]), 0.10), (spread[:, k], 0.28)]:
            low, high = np.exp(path[:, k] - 1.96 * width), np.exp(path[:, k] + 1.96 * width)
            left.fill_between(time, low, high, color=colour, alpha=alpha, linewidth=0)
        left.plot(time, np.exp(path[:, k]), color=colour)
        left.plot(YEARS, PELTS[:, k], "o", color=colour, markersize=5, markeredgecolor="white", label=name)
    left.set(xlabel="year", ylabel="pelts (thousands)", xlim=(1899.5, 1920.5), ylim=(0, 130))
    left.set_xticks(range(1900, 1921, 4))
    left.set_title("Pelts, fitted curves, and 95% bands for the curve (dark) and for a year's pelts (light)", fontsize=10)
    left.legend(frameon=False, loc="upper center", ncols=2)

    right.plot(*PELTS.T, color="tab:gray", linewidth=0.7, alpha=0.7)
    dots = right.scatter(*PELTS.T, c=YEARS, cmap="viridis", s=28, zorder=3)
    right.plot(*np.exp(path).T, color="black", linewidth=1.6)
    # The balance point with its 95% region: an ellipse for the logarithms, so it is drawn there and mapped.
    centre, rows = np.asarray(balance(theta)), nb.jacrev(balance)(theta)
    turn = np.linspace(0, 2 * np.pi, 200)
    ellipse = np.linalg.cholesky(rows @ covariance @ rows.T) @ [np.cos(turn), np.sin(turn)] * np.sqrt(5.991)
    right.fill(*np.exp(centre[:, None] + ellipse), color="black", alpha=0.15)
    right.plot(*np.exp(centre), "k+", markersize=9)
    right.set(xlabel="hare pelts (thousands)", ylabel="lynx pelts (thousands)", xlim=(0, None), ylim=(0, None))
    right.set_title(f"One turn takes {years:.1f} years; + is the balance point", fontsize=10)
    figure.colorbar(dots, ax=right, ticks=[1900, 1910, 1920], aspect=40)
    figure.savefig(file, dpi=130)


def main(fast=False, out=OUTPUT):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    print(f"{PELTS.size} pelt counts, {len(NAMES)} unknowns, {20 * PER_YEAR} Runge-Kutta steps in a Python loop")
    start = perf_counter()
    theta = fit(steps=1 if fast else 200)
    if fast:  # after one step there is no maximum yet to look around from
        return {"surprise": float(surprise(theta)), "pictures": [], "headline": "one step only"}

    # At the maximum the inverse Hessian of the surprise is the covariance of theta (of the logarithms, that is). One
    # Newton step first: it removes what BFGS left over, and its size shows how little that was.
    curvature = nb.hessian(surprise)(theta)
    leftover = np.linalg.solve(curvature, nb.grad(surprise)(theta))
    theta = theta - leftover
    covariance = np.linalg.inv(nb.hessian(surprise)(theta))
    print(f"  Newton's last step moves no logarithm by more than {np.abs(leftover).max():.1e}")

    # The delta method: a quantity q(theta) has the variance (dq/dtheta) covariance (dq/dtheta)'.
    values = np.exp(theta)
    errors = values * np.sqrt(np.diag(covariance))
    years, uphill = cycle(theta)
    years_error = float(np.sqrt(uphill @ covariance @ uphill))
    curves = partial(simulate, steps=20 * 4 * PER_YEAR)  # finer than for the fit, so that they look smooth
    slopes = nb.jacfwd(curves)(theta)  # of each point of the curves: (steps + 1, 2, 8)
    spread = np.sqrt(np.einsum("tki,ij,tkj->tk", slopes, covariance, slopes))
    seconds = perf_counter() - start

    print("found, with standard errors:")
    for name, value, error in zip(NAMES, values, errors, strict=True):
        print(f"  {name:14s} {value:8.4g} +- {error:.2g}")
    print(f"  one cycle      {years:8.4g} +- {years_error:.2g} years")
    hare, lynx = np.exp(np.asarray(balance(theta)))
    print(f"  in balance     {hare:8.4g} thousand hares and {lynx:.4g} thousand lynx")

    drawing = out / "lynx_hare.png"
    picture(theta, np.asarray(curves(theta)), spread, covariance, years, drawing)
    return {
        "rates": dict(zip(NAMES, values.tolist(), strict=True)),
        "errors": dict(zip(NAMES, errors.tolist(), strict=True)),
        "cycle": (years, years_error),
        "surprise": float(surprise(theta)),
        "seconds": seconds,
        "pictures": [drawing],
        "headline": f"one predator-prey cycle takes {years:.1f} +- {years_error:.1f} years",
    }


if __name__ == "__main__":
    main()
