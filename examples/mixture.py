"""Three species from four measurements: a Gaussian mixture fitted by its gradient, and what each flower did to it.

The data are Fisher's irises (R. A. Fisher, Annals of Eugenics 7, 1936), which come with scikit-learn: petals and sepals
of 150 flowers. The mixture never sees the species; three Gaussians with full covariances find them. Instead of the
usual expectation-maximisation we simply maximise the likelihood with its gradient and its Hessian.

Then the gradient of each *single* flower's log-likelihood, from `nb.vmap(nb.grad(...))`, tells two things for which one
would otherwise have to fit again and again: how each flower pulled the estimates (its influence), and standard errors
that hold even where the flowers are not quite Gaussian (the "sandwich").

Run it with `python examples/mixture.py`; the picture goes to examples/output.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

import nabla as nb

OUTPUT = Path(__file__).parent / "output"
GROUPS, SIZE = 3, 4
ROWS, COLUMNS = np.tril_indices(SIZE)
DIAGONAL = np.arange(SIZE)
SEEN = [0, 2]  # the two measurements in the picture
UNKNOWNS = GROUPS - 1 + GROUPS * SIZE + GROUPS * len(ROWS)


def unpack(theta):
    """Shares, means, and the Cholesky factors of the precisions (inverse covariances) from one flat vector.

    The factor may be any lower triangle with a positive diagonal, so the optimiser needs no constraints: every vector
    means a proper mixture. With the precision and not the covariance, the density needs no linear solve.
    """
    odds, means, entries = nb.split(theta, [GROUPS - 1, GROUPS - 1 + GROUPS * SIZE])
    log_shares = nb.log_softmax(nb.concat([odds, np.zeros(1)]))
    factors = nb.zeros((GROUPS, SIZE, SIZE))
    factors[:, ROWS, COLUMNS] = entries.reshape(GROUPS, -1)  # writing into an array is differentiated, too
    factors[:, DIAGONAL, DIAGONAL] = nb.exp(factors[:, DIAGONAL, DIAGONAL])
    return log_shares, means.reshape(GROUPS, SIZE), factors


def log_densities(theta, flower):
    """log(share * density) of one flower under each group."""
    log_shares, means, factors = unpack(theta)
    away = nb.einsum("gi,gij->gj", flower - means, factors)
    log_det = nb.sum(nb.log(factors[:, DIAGONAL, DIAGONAL]), axis=1)
    return log_shares + log_det - nb.sum(away**2, axis=1) / 2 - SIZE / 2 * np.log(2 * np.pi)


def log_likelihood(theta, flower):
    """Of one flower. Written for one; `vmap` makes it work for all of them."""
    return nb.logsumexp(log_densities(theta, flower))


def surprise(theta, flowers):
    return -nb.sum(nb.vmap(log_likelihood, in_axes=(None, 0))(theta, flowers))


def summary(theta):
    """What a botanist wants to know of each group: its share, and the mean and the spread of its petal length."""
    log_shares, means, factors = unpack(theta)
    covariances = nb.linalg.inv(factors @ factors.mT)
    return nb.stack([nb.exp(log_shares), means[:, 2], nb.sqrt(covariances[:, 2, 2])], axis=1)


def first_guess(flowers):
    """The groups of k-means, in the order of their petal length, all with the same covariance."""
    labels = KMeans(GROUPS, n_init=5, random_state=0).fit_predict(flowers)
    order = np.argsort([flowers[labels == g, 2].mean() for g in range(GROUPS)])
    counts = np.bincount(labels)[order]
    means = np.array([flowers[labels == g].mean(axis=0) for g in order])
    within = np.cov((flowers - means[np.argsort(order)[labels]]).T)
    factor = np.linalg.cholesky(np.linalg.inv(within))
    factor[DIAGONAL, DIAGONAL] = np.log(factor[DIAGONAL, DIAGONAL])
    return np.concatenate([np.log(counts[:-1] / counts[-1]), means.ravel(), np.tile(factor[ROWS, COLUMNS], GROUPS)])


def fit(flowers, steps):
    """Newton's method within a trust region: with the exact Hessian a dozen steps reach the last digit."""
    count, start = 0, perf_counter()

    def report(intermediate_result):
        nonlocal count
        count += 1
        value = float(intermediate_result.fun)
        print(f"  step {count:2d}   log-likelihood {-value:10.4f}   {perf_counter() - start:5.1f} s", flush=True)

    found = minimize(
        nb.value_and_grad(surprise),
        first_guess(flowers),
        args=(flowers,),
        jac=True,
        hess=nb.hessian(surprise, argnums=0),
        method="trust-exact",
        callback=report,
        options={"maxiter": steps, "gtol": 1e-6},
    )
    return found.x, -float(found.fun), count


def fit_without(flowers, left_out, theta, covariance):
    """Fit again with one flower left out. The covariance is a good first inverse Hessian, so few steps do."""
    found = minimize(
        nb.value_and_grad(surprise),
        theta,
        args=(np.delete(flowers, left_out, axis=0),),
        jac=True,
        method="BFGS",
        options={"hess_inv0": covariance, "gtol": 1e-4},
    )
    return found.x


def density(theta, x, y):
    """The fitted density of the measurements SEEN alone, at the points (x, y).

    The marginal of a mixture is the mixture of the marginals, so this is exact, not another fit in the plane.
    """
    log_shares, means, factors = map(np.asarray, unpack(theta))
    covariances = np.linalg.inv(factors @ factors.transpose(0, 2, 1))
    total = np.zeros_like(x)
    for log_share, mean, covariance in zip(log_shares, means, covariances):
        away = np.stack([x, y], axis=-1) - mean[SEEN]
        precision = np.linalg.inv(covariance[np.ix_(SEEN, SEEN)])
        bell = np.exp(-np.einsum("...i,ij,...j", away, precision, away) / 2)
        total += np.exp(log_share) * bell * np.sqrt(np.linalg.det(precision)) / (2 * np.pi)
    return total


def picture(theta, flowers, names, belongs, strongest, chosen, predicted, refitted, path):
    paints = np.array([[0.12, 0.47, 0.71], [0.90, 0.45, 0.0], [0.17, 0.63, 0.17]])
    colours = np.clip(belongs @ paints, 0, 1)  # a flower between two groups gets a colour between
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.45, 1])

    x, y = np.meshgrid(np.linspace(3.8, 8.6, 300), np.linspace(0.4, 7.8, 300))
    height = density(theta, x, y)
    levels = height.max() * np.array([0.005, 0.02, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 1])
    left.contourf(x, y, height, levels=levels, colors=[str(grey) for grey in np.linspace(0.97, 0.7, len(levels) - 1)])
    left.contour(x, y, height, levels=levels, colors="white", linewidths=0.6)
    left.scatter(*flowers[:, SEEN].T, c=colours, s=26, edgecolors="white", linewidths=0.5, zorder=3)
    for flower in strongest:
        place = flowers[flower, SEEN]
        left.plot(*place, "o", markersize=10, markerfacecolor="none", markeredgecolor="black", zorder=4)
        left.annotate(flower, place, xytext=(7, 5), textcoords="offset points", fontsize=9, zorder=4)
    for name, paint in zip(names, paints):
        left.plot([], [], "o", color=paint, markersize=5, label=name)
    left.legend(frameon=False, loc="upper left", title="group of mostly", alignment="left")
    left.set(xlabel="sepal length (cm)", ylabel="petal length (cm)")
    left.set_title("Fitted density; colour: probability of each group; rings: the most influential flowers", fontsize=10)

    limit = 1.15 * np.abs([predicted, refitted]).max()
    right.plot([-limit, limit], [-limit, limit], color="tab:gray", linewidth=0.8)
    right.scatter(predicted, refitted, c=colours[chosen], s=30, edgecolors="white", linewidths=0.5)
    right.set(xlabel="predicted by the flower's gradient (% points)", ylabel="fitted again without the flower (% points)")
    right.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    right.set_title(f"Change of the share of {names[1]} when one flower is left out", fontsize=10)
    figure.savefig(path, dpi=130)


def main(fast=False, out=OUTPUT):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    iris = load_iris()
    flowers, species = iris.data, iris.target
    print(f"{len(flowers)} flowers, {SIZE} measurements each, {GROUPS} groups, {UNKNOWNS} unknowns")
    start = perf_counter()
    theta, likelihood, steps = fit(flowers, steps=1 if fast else 100)

    log_weights = np.asarray(nb.vmap(log_densities, in_axes=(None, 0))(theta, flowers))
    belongs = np.exp(log_weights - np.logaddexp.reduce(log_weights, axis=1, keepdims=True))
    table = np.zeros((GROUPS, GROUPS), int)
    np.add.at(table, (belongs.argmax(axis=1), species), 1)
    purity = table.max(axis=1).sum() / len(flowers)
    print(f"log-likelihood {likelihood:.3f} after {steps} steps; {purity:.1%} of the flowers are among their species")
    found = {"likelihood": likelihood, "steps": steps, "purity": float(purity), "pictures": []}
    found["headline"] = f"{purity:.1%} of the flowers grouped with their species, which the model never saw"
    if fast:
        return found  # after one step there is no maximum yet to look around from

    # One row per flower: the slope of its own log-likelihood. At the maximum the rows add up to zero.
    pulls = np.asarray(nb.vmap(nb.grad(log_likelihood), in_axes=(None, 0))(theta, flowers))
    covariance = np.linalg.inv(nb.hessian(surprise, argnums=0)(theta, flowers))
    covariance = (covariance + covariance.T) / 2  # exactly symmetric, as SciPy wants it below
    sandwich = covariance @ (pulls.T @ pulls) @ covariance

    values = np.asarray(summary(theta))
    slopes = np.asarray(nb.jacrev(summary)(theta))
    plain = np.sqrt(np.einsum("...i,ij,...j", slopes, covariance, slopes))
    robust = np.sqrt(np.einsum("...i,ij,...j", slopes, sandwich, slopes))
    print("found, with standard errors from the Hessian (and, in brackets, without trusting that flowers are Gaussian):")
    names = iris.target_names[table.argmax(axis=1)]
    for g in range(GROUPS):
        cells = [f"{v:.3f} +- {p:.3f} ({r:.3f})" for v, p, r in zip(values[g], plain[g], robust[g], strict=True)]
        print(f"  mostly {names[g]:10s}  share {cells[0]}  petal {cells[1]}  spread {cells[2]} cm")

    # Without flower i the maximum moves by -covariance @ pulls[i], to first order: no second fit needed. To see how
    # good that is, we fit again without some of them, those that moved the estimates most (Cook's distance) included.
    distance = np.einsum("ni,ij,nj->n", pulls, covariance, pulls)
    strongest = np.argsort(-distance)[:8]
    chosen = np.union1d(strongest, np.arange(50, 150, 3))
    predicted = -100 * pulls[chosen] @ covariance @ slopes[1, 0]
    refitted = np.zeros(len(chosen))
    for k, flower in enumerate(chosen):
        refitted[k] = 100 * (float(summary(fit_without(flowers, flower, theta, covariance))[1, 0]) - values[1, 0])
        if k % 10 == 9:
            print(f"  fitted again without flower {k + 1} of {len(chosen)}   {perf_counter() - start:5.1f} s", flush=True)
    agreement = np.corrcoef(predicted, refitted)[0, 1]
    print(f"influence predicted by the gradients and found by fitting again: correlation {agreement:.4f}")
    print(f"the flowers that moved the estimates most, counted from 0: {', '.join(map(str, strongest))}")

    found["pictures"] = [out / "mixture.png"]
    picture(theta, flowers, names, belongs, strongest, chosen, predicted, refitted, found["pictures"][0])
    found |= {"values": values, "errors": plain, "robust": robust, "balance": float(np.abs(pulls.sum(axis=0)).max())}
    found |= {"agreement": float(agreement), "strongest": strongest, "seconds": perf_counter() - start}
    return found


if __name__ == "__main__":
    main()
