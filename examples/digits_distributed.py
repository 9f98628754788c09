"""The network that reads handwritten digits (digits.py), trained data-parallel by two processes that work together.

`python examples/digits_distributed.py` starts both of them on this machine. Each holds one half of the digits; the weights are
whole in both. A step is compiled for the mesh of both, and XLA adds up the gradients of the halves. The first process checks
that the first gradient is that of all digits on one device.

On several machines, each runs `python examples/digits_distributed.py host:port COUNT NUMBER`, where host is that of number 0.
"""

import socket
import subprocess
import sys

import digits
import numpy as np

import nabla as nb

PROCESSES = 2
RATE, MOMENTUM = 0.3, 0.9


def train(steps, say):
    """Gradient descent with momentum on the mesh of all processes; the accuracy on digits held out."""
    count, number = nb.distributed.process_count(), nb.distributed.process_index()
    images, labels, test_images, test_labels = digits.load()
    share = len(labels) // count
    images, wanted = images[: share * count], np.eye(digits.CLASSES)[labels[: share * count]]
    draw = np.random.default_rng(1)
    start = np.concatenate([draw.normal(0, shape[0] ** -0.5, shape).ravel() for shape in digits.SHAPES])

    mesh, rows = nb.Mesh(count, "data"), slice(share * number, share * (number + 1))
    cut, whole = nb.PartitionSpec("data"), nb.PartitionSpec()
    mine = [nb.distributed.from_local(x[rows], mesh, cut) for x in (images, wanted)]
    theta, velocity = nb.shard(start, mesh, whole), nb.shard(np.zeros_like(start), mesh, whole)

    @nb.jit
    def step(theta, velocity, images, wanted):
        loss, slope = nb.value_and_grad(digits.loss)(theta, images, wanted)
        velocity = MOMENTUM * velocity - RATE * slope
        return theta + velocity, velocity, loss, slope

    for i in range(steps):
        theta, velocity, loss, slope = step(theta, velocity, *mine)
        if i == 0:
            alone = nb.grad(digits.loss)(start, images, wanted)
            difference = np.abs(slope.numpy() - alone).max() / np.abs(alone).max()
            say(f"{count} processes with {share} digits each; their gradient is that of one device to {difference:.0e} of its size")
        if i % 50 == 0 or i == steps - 1:
            say(f"  step {i + 1:3d}   loss {loss.item():.4f}")
    right = np.asarray(digits.scores(theta.numpy(), test_images)).argmax(axis=1) == test_labels
    return float(np.mean(right))


def work(coordinator, count, number, steps):
    """What one process does."""
    nb.distributed.initialize(coordinator, count, number)
    say = print if number == 0 else lambda text: None
    accuracy = train(steps, say)
    say(f"held-out accuracy {accuracy:.1%} after {steps} steps")
    nb.distributed.shutdown()


def main(steps=300):
    """Start all processes on this machine; whether they all came to a good end."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{s.getsockname()[1]}"
    commands = [[sys.executable, __file__, coordinator, str(PROCESSES), str(i), str(steps)] for i in range(PROCESSES)]
    processes = [subprocess.Popen(command) for command in commands]
    return not any(status for status in [process.wait() for process in processes])


if __name__ == "__main__":
    if len(sys.argv) > 3:
        work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 300)
    else:
        sys.exit(0 if main() else 1)
