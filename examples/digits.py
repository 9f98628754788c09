"""A small neural network that reads handwritten digits, trained by SciPy with Nabla's gradients.

The data are the 1797 digits of 8 by 8 pixels that come with scikit-learn (E. Alpaydin and C. Kaynak, UCI, 1998). All
weights lie in one flat NumPy vector, because that is what `scipy.optimize.minimize` wants; `nb.value_and_grad` takes
NumPy arrays and gives NumPy arrays, so SciPy takes it as it is.

Run it with `python examples/digits.py`; the pictures go to examples/output.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from sklearn.datasets import load_digits

import nabla as nb

OUTPUT = Path(__file__).parent / "output"
PIXELS, HIDDEN, CLASSES = 64, 48, 10
SHAPES = [(PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
DECAY = 2e-3  # how strongly large weights are discouraged; without it the network learns the training digits by heart


def unpack(theta):
    """Cut the flat vector into the two weight matrices and the two biases."""
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])
    return [theta[end - np.prod(shape) : end].reshape(shape) for shape, end in zip(SHAPES, ends, strict=True)]


def scores(theta, images):
    """One score per image and class; the highest is the network's answer."""
    inner, inner_bias, outer, outer_bias = unpack(theta)
    return nb.tanh(images @ inner + inner_bias) @ outer + outer_bias


def loss(theta, images, wanted):
    """The mean surprise at the right answers (`wanted` has a one in the right column), plus the weight decay."""
    s = scores(theta, images)
    surprise = nb.logsumexp(s, axis=1) - nb.sum(s * wanted, axis=1)
    inner, _, outer, _ = unpack(theta)
    return nb.mean(surprise) + DECAY / 2 * (nb.sum(inner**2) + nb.sum(outer**2))


def lead(image, theta, guess, truth):
    """How far the score of the network's guess is ahead of that of the true digit, for one image."""
    s = scores(theta, image)
    return s[guess] - s[truth]


def load(seed=0, held_out=500):
    """Shuffle once with a fixed seed, so that everybody holds out the same digits. Pixels are scaled to 0...1."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = digits.data[order] / 16, digits.target[order]
    return images[held_out:], labels[held_out:], images[:held_out], labels[:held_out]


def train(images, labels, test_images, test_labels, steps, seed=1):
    """Full-batch L-BFGS. Returns the weights and one row (iteration, loss, training and held-out accuracy) per step."""
    draw = np.random.default_rng(seed)
    theta = np.concatenate([draw.normal(0, shape[0] ** -0.5, shape).ravel() for shape in SHAPES])
    wanted = np.eye(CLASSES)[labels]
    history, start = [], perf_counter()

    def accuracy(theta, images, labels):
        return float(np.mean(np.asarray(scores(theta, images)).argmax(axis=1) == labels))

    def report(intermediate_result):
        now = intermediate_result
        row = (
            len(history) + 1,
            float(now.fun),
            accuracy(now.x, images, labels),
            accuracy(now.x, test_images, test_labels),
        )
        history.append(row)
        if row[0] % 20 == 0 or row[0] in (1, 5, 10):
            print(
                f"  step {row[0]:3d}   loss {row[1]:.4f}   training digits {row[2]:6.1%}   held-out {row[3]:6.1%}"
                f"   {perf_counter() - start:5.1f} s",
                flush=True,
            )

    fit = minimize(
        nb.value_and_grad(loss),  # gives loss and gradient in one call: SciPy's jac=True
        theta,
        args=(images, wanted),
        jac=True,
        method="L-BFGS-B",
        callback=report,
        options={"maxiter": steps},
    )
    return fit.x, np.array(history)


def picture_training(history, confusion, path):
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    left.plot(history[:, 0], 100 * (1 - history[:, 2]), color="tab:gray", label="training digits")
    left.plot(history[:, 0], 100 * (1 - history[:, 3]), color="tab:blue", label="held-out digits")
    left.annotate(
        f"{1 - history[-1, 3]:.1%}",
        (history[-1, 0], 100 * (1 - history[-1, 3])),
        xytext=(0, 6),
        textcoords="offset points",
        ha="right",
        color="tab:blue",
    )
    left.set(yscale="symlog", xlabel="L-BFGS step", ylabel="digits misread (%)", title="Learning")
    left.set_ylim(0, 100)
    left.set_yticks([0, 1, 3, 10, 30, 100], ["0", "1", "3", "10", "30", "100"])
    left.grid(alpha=0.3)
    left.legend(frameon=False)

    # The diagonal would drown the mistakes, so colour shows the mistakes only; the numbers show everything.
    mistakes = confusion - np.diag(np.diag(confusion))
    right.imshow(np.where(mistakes, mistakes, np.nan), cmap="Oranges", vmin=-1, vmax=max(3, 1.5 * mistakes.max()))
    for truth, guess in np.argwhere(confusion):
        right.text(
            guess,
            truth,
            confusion[truth, guess],
            ha="center",
            va="center",
            fontsize=9,
            color="tab:gray" if truth == guess else "black",
        )
    right.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="really", title="Held-out digits")
    figure.savefig(path, dpi=130)


def picture_mistakes(images, truths, guesses, slopes, needed, path, columns=8):
    """Each misread digit, and under it the gradient of the wrong answer's lead with respect to the ink."""
    count = min(columns, len(images))
    figure = Figure(figsize=(1.45 * columns, 4.0), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for k in range(count):
        top, bottom = axes[:, k]
        top.imshow(images[k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        top.set_title(f"{truths[k]} read as {guesses[k]}", fontsize=10)
        limit = np.abs(slopes[k]).max()
        heat = bottom.imshow(slopes[k].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        bottom.contour(images[k].reshape(8, 8), levels=[0.4], colors="black", linewidths=0.8)  # the digit's outline
        bottom.set_title(f"change {needed[k]:.0%} of the ink", fontsize=9)
    bar = figure.colorbar(heat, ax=axes[1], location="bottom", ticks=[-limit, limit], aspect=70, shrink=0.7)
    bar.ax.set_xticklabels(["more ink here speaks for the true digit", "more ink here speaks for the mistake"])
    for label, side in zip(bar.ax.get_xticklabels(), ["left", "right"], strict=True):
        label.set_horizontalalignment(side)
    figure.suptitle("Misread digits, where the ink decided, and the change of ink that would put it right", fontsize=12)
    figure.savefig(path, dpi=130)


def main(fast=False, out=OUTPUT):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    images, labels, test_images, test_labels = load()
    print(f"{len(labels)} digits to learn from, {len(test_labels)} held out, {sum(np.prod(s) for s in SHAPES)} weights")
    start = perf_counter()
    theta, history = train(images, labels, test_images, test_labels, steps=1 if fast else 120)
    seconds = perf_counter() - start

    guesses = np.asarray(scores(theta, test_images)).argmax(axis=1)
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (test_labels, guesses), 1)
    accuracy = float(np.mean(guesses == test_labels))

    # The same `grad`, now with respect to the picture and not the weights, for all misread digits at once.
    wrong = np.flatnonzero(guesses != test_labels)
    misread = test_images[wrong], guesses[wrong], test_labels[wrong]
    lead_and_slope = nb.vmap(nb.value_and_grad(lead), in_axes=(0, None, 0, 0))
    leads, slopes = map(np.asarray, lead_and_slope(misread[0], theta, misread[1], misread[2]))
    # To first order, the smallest change of ink (in length) that brings the two scores level is lead / |slope|.
    step = slopes * (leads / np.sum(slopes**2, axis=1))[:, None]
    needed = np.linalg.norm(step, axis=1) / np.linalg.norm(misread[0], axis=1)
    # The proof of the gradient: go a tenth further than level, and let the network read again.
    mended = np.asarray(scores(theta, misread[0] - 1.1 * step)).argmax(axis=1) == misread[2]

    print(f"held-out accuracy {accuracy:.1%} ({len(wrong)} of {len(test_labels)} misread) after {len(history)} steps")
    print(
        f"moving {1.1 * np.median(needed):.1%} of the ink (median) down the gradient of the mistake"
        f" puts {np.sum(mended)} of {len(wrong)} right"
    )
    pictures = [out / "digits_training.png", out / "digits_mistakes.png"]
    picture_training(history, confusion, pictures[0])
    hardest = np.argsort(-needed)
    picture_mistakes(misread[0][hardest], misread[2][hardest], misread[1][hardest], slopes[hardest], needed[hardest], pictures[1])
    return {
        "accuracy": accuracy,
        "misread": len(wrong),
        "loss": history[-1, 1],
        "mended": int(np.sum(mended)),
        "seconds": seconds,
        "pictures": pictures,
        "headline": f"{accuracy:.1%} of 500 held-out digits read right",
    }


if __name__ == "__main__":
    main()
