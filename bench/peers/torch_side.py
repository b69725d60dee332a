"""The PyTorch side of the workloads: eager, as the popular Bayes-by-Backprop code is written.

usage: torch_side.py WORKLOAD [--cores N] [--seconds S] [--variant FORM]

Prints one line of JSON. The form is that of Adam: "adam" (PyTorch's default) or "fused adam". The sizes stand in
workloads.json; what a step computes is the same as on the other sides, term by term.
"""
import argparse
import json
import math
import statistics
import time
import warnings
from pathlib import Path

# NumPy is not needed here.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
import torch.nn.functional as F
from torch import distributions as dist

parser = argparse.ArgumentParser()
parser.add_argument("workload")
parser.add_argument("--cores", type=int, default=1)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--variant", default="")
args = parser.parse_args()
table = json.loads(Path(__file__).with_name("workloads.json").read_text())
work = next((w for w in table if w["name"] == args.workload), None)
if work is None:
    parser.error(f"there is no workload {args.workload}")
torch.set_num_threads(args.cores)
torch.manual_seed(1)
double = work["kind"] in ("linear", "logistic") or work.get("double", False)
torch.set_default_dtype(torch.float64 if double else torch.float32)
KL_WEIGHT = 0.01
LN_TAU = math.log(2 * math.pi)


def measure(step):
    """Times blocks of steps, the first of which warms up and does not count, and prints the result."""
    blocks = []
    while len(blocks) < 4 or sum(blocks[1:]) < args.seconds:
        begin = time.perf_counter()
        for _ in range(work["steps"]):
            step()
        blocks.append(time.perf_counter() - begin)
    each = [1e6 * block / work["steps"] for block in blocks[1:]]
    print(json.dumps({
        "side": "torch", "variant": args.variant, "workload": args.workload, "cores": args.cores,
        "us_per_step": statistics.median(each), "fastest_us": min(each), "repeats": len(each),
        "steps_per_repeat": work["steps"], "detail": f"torch {torch.__version__}",
    }))


def train(params, loss, rate):
    """`loss(step)` by Adam."""
    optimizer = torch.optim.Adam(params, lr=rate, **({"fused": True} if args.variant == "fused adam" else {}))
    taken = 0

    def step():
        nonlocal taken
        optimizer.zero_grad()
        loss(taken).backward()
        optimizer.step()
        taken += 1

    measure(step)


def scale_of(rho):
    return F.softplus(rho)


def normal_kl(loc, scale):
    """The divergence from a standard Normal, summed."""
    return torch.sum(0.5 * (scale**2 + loc**2 - 1) - torch.log(scale))


def parameter(*shape, low, high):
    return torch.empty(*shape).uniform_(low, high).requires_grad_()


def start_net(widths):
    def site(*shape):
        return parameter(*shape, low=-0.2, high=0.2), parameter(*shape, low=-5, high=-4)

    return [site(b, a) + site(b) for a, b in zip(widths, widths[1:])]


def forward(layers, x, local):
    """The outputs, and the divergence from the prior."""
    kl = 0.0
    for i, (w, w_rho, b, b_rho) in enumerate(layers):
        w_scale, b_scale = scale_of(w_rho), scale_of(b_rho)
        kl = kl + normal_kl(w, w_scale) + normal_kl(b, b_scale)
        if i > 0:
            x = F.relu(x)
        if local:
            mean, variance = F.linear(x, w, b), F.linear(x * x, w_scale * w_scale, b_scale * b_scale)
            x = mean + torch.sqrt(variance + 1e-30) * torch.randn_like(mean)
        else:
            x = F.linear(x, w + w_scale * torch.randn_like(w), b + b_scale * torch.randn_like(b))
    return x, kl


def net():
    widths, rows, batch, local = work["widths"], work["rows"], work["batch"], work["local"]
    if work["loss"] == "cross-entropy":
        x, y = torch.rand(rows, widths[0]), torch.randint(0, widths[-1], (rows,))
    elif widths[0] == 1:
        x = torch.linspace(-3, 3, rows)[:, None]
        y = torch.sin(x) + 0.1 * torch.randn_like(x)
    else:
        x, y = torch.randn(rows, widths[0]), torch.randn(rows, 1)
    layers = start_net(widths)
    order = None

    def loss(i):
        nonlocal order
        if work.get("shuffled", False):
            part = i % (rows // batch)
            if part == 0:
                order = torch.randperm(rows)
            at = order[part * batch : (part + 1) * batch]
        else:
            first = (i * batch) % (rows - batch + 1)
            at = slice(first, first + batch)
        out, kl = forward(layers, x[at], local)
        compare = F.mse_loss if work["loss"] == "mse" else F.cross_entropy
        return compare(out, y[at]) + KL_WEIGHT * kl / rows

    train([p for layer in layers for p in layer], loss, work["rate"])


def predict():
    layers = start_net(work["widths"])
    x = torch.linspace(-6, 6, work["inputs"])[:, None]

    def step():
        with torch.no_grad():
            torch.stack([draw(layers, x) for _ in range(work["draws"])])

    measure(step)


def draw(layers, x):
    """The outputs for one draw of the weights, without the divergence."""
    for i, (w, w_rho, b, b_rho) in enumerate(layers):
        if i > 0:
            x = F.relu(x)
        w, b = w + scale_of(w_rho) * torch.randn_like(w), b + scale_of(b_rho) * torch.randn_like(b)
        x = F.linear(x, w, b)
    return x


def start_sites(*sizes):
    rho = math.log(math.expm1(0.1))
    return [(torch.zeros(n).requires_grad_(), torch.full((n,), rho).requires_grad_()) for n in sizes]


def gaussian(loc, rho, draws=()):
    """A draw of a mean-field Gaussian and its scale."""
    scale = scale_of(rho)
    return loc + scale * torch.randn(*draws, loc.numel()), scale


def entropy(scale):
    return torch.sum(torch.log(scale)) + scale.numel() * 0.5 * (1 + LN_TAU)


def linear():
    rows, columns, draws = work["rows"], work["columns"], work["draws"]
    x = torch.randn(rows, columns)
    y = x @ torch.randn(columns) + torch.randn(rows)
    sites = start_sites(columns, 1)

    def loss(_):
        (b, b_scale), (u, u_scale) = (gaussian(*site, draws=(draws,)) for site in sites)
        noise = torch.exp(u)
        z = (y - b @ x.T) / noise
        log_likelihood = torch.sum(-0.5 * z * z - torch.log(noise) - 0.5 * LN_TAU) / draws
        # HalfNormal(1) in the logarithm of its value.
        log_prior = torch.sum(0.5 * math.log(2 / math.pi) - 0.5 * noise**2 + u) / draws
        return normal_kl(sites[0][0], b_scale) - entropy(u_scale) - log_prior - log_likelihood

    train([p for site in sites for p in site], loss, 0.05)


def logistic():
    rows, columns, groups = work["rows"], work["columns"], work["groups"]
    x = torch.randn(rows, columns)
    y = (torch.rand(rows) < torch.sigmoid(x @ (0.2 * torch.randn(columns)))).to(x.dtype)
    group = torch.arange(rows) % groups
    sites = start_sites(columns, 1, 1, groups)

    def loss(_):
        (slope, slope_s), (mean, mean_s), (u, u_s), (z, z_s) = (gaussian(*site) for site in sites)
        spread = torch.exp(u)
        logits = x @ slope + (mean + spread * z)[group]
        log_likelihood = torch.sum(y * logits - F.softplus(logits))
        # HalfCauchy(1) in the logarithm of its value.
        log_prior = torch.sum(math.log(2 / math.pi) - torch.log1p(spread**2) + u)
        kl = normal_kl(sites[0][0], slope_s) + normal_kl(sites[1][0] / 5, mean_s / 5) + normal_kl(sites[3][0], z_s)
        return kl - entropy(u_s) - log_prior - log_likelihood

    train([p for site in sites for p in site], loss, 0.05)


# The family of its parameters, and what value and parameters are made of standard normal numbers.
REAL, POSITIVE, UNIT = (lambda z: z), (lambda z: 0.5 + z * z), torch.sigmoid
FAMILIES = {
    "normal": (dist.Normal, (REAL, REAL, POSITIVE)),
    "log-normal": (dist.LogNormal, (POSITIVE, REAL, POSITIVE)),
    "student-t": (dist.StudentT, (REAL, POSITIVE, REAL, POSITIVE)),
    "gamma": (dist.Gamma, (POSITIVE, POSITIVE, POSITIVE)),
    "laplace": (dist.Laplace, (REAL, REAL, POSITIVE)),
    "beta": (dist.Beta, (UNIT, POSITIVE, POSITIVE)),
    "inverse-gamma": (dist.InverseGamma, (POSITIVE, POSITIVE, POSITIVE)),
    "weibull": (lambda k, scale, **o: dist.Weibull(scale, k, **o), (POSITIVE, POSITIVE, POSITIVE)),
    "cauchy": (dist.Cauchy, (REAL, REAL, POSITIVE)),
    "gumbel": (dist.Gumbel, (REAL, REAL, POSITIVE)),
}


def density():
    family, ranges = FAMILIES[work["family"]]
    columns = [of(torch.randn(work["entries"])).requires_grad_() for of in ranges]

    def step():
        for column in columns:
            column.grad = None
        family(*columns[1:], validate_args=False).log_prob(columns[0]).sum().backward()

    measure(step)


def normals():
    measure(lambda: torch.randn(work["entries"]))


{"net": net, "predict": predict, "linear": linear, "logistic": logistic, "density": density, "normals": normals}[work["kind"]]()
