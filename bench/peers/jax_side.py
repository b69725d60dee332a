"""The JAX side of the workloads: hand-written models, jit, the loop over the steps compiled by scan; optax for Adam.

usage: jax_side.py WORKLOAD [--cores N] [--seconds S] [--variant GENERATOR]

Prints one line of JSON. The generator is threefry2x32 (JAX's default) or rbg. The sizes stand in workloads.json; what a
step computes is the same as on the other sides, term by term.
"""
import argparse
import json
import math
import os
import statistics
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("workload")
parser.add_argument("--cores", type=int, default=1)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--variant", default="threefry2x32")
args = parser.parse_args()
table = json.loads(Path(__file__).with_name("workloads.json").read_text())
work = next((w for w in table if w["name"] == args.workload), None)
if work is None:
    parser.error(f"there is no workload {args.workload}")
if args.cores == 1:  # Read when JAX starts.
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import optax
from jax.scipy import stats

jax.config.update("jax_enable_x64", work["kind"] in ("linear", "logistic") or work.get("double", False))
DATA, START, RUN = jax.random.split(jax.random.key(1, impl=args.variant), 3)
KL_WEIGHT = 0.01
LN_TAU = math.log(2 * math.pi)


def measure(call, carry):
    """Times `carry = call(carry)`, a block of steps: the blocks, and the first call's excess, which is compilation.

    The second call warms up too: it would compile again if the first one changed the types of the carry.
    """
    begin = time.perf_counter()
    carry = jax.block_until_ready(call(carry))
    first, blocks = time.perf_counter() - begin, []
    carry = jax.block_until_ready(call(carry))
    while len(blocks) < 3 or sum(blocks) < args.seconds:
        begin = time.perf_counter()
        carry = jax.block_until_ready(call(carry))
        blocks.append(time.perf_counter() - begin)
    return blocks, first - statistics.median(blocks)


def report(blocks, compilation):
    each = [1e6 * block / work["steps"] for block in blocks]
    print(json.dumps({
        "side": "jax", "variant": args.variant, "workload": args.workload, "cores": args.cores,
        "us_per_step": statistics.median(each), "fastest_us": min(each), "repeats": len(each),
        "steps_per_repeat": work["steps"], "detail": f"jax {jax.__version__}, compilation {compilation:.2f} s",
    }))


def train(params, loss, rate, order=jnp.zeros(0, jnp.int32), deal=lambda order, key, i: order):
    """`loss(params, key, step, order)` by Adam, a block of steps per compiled call. `deal` gives the order of the rows in a step."""
    optimizer = optax.adam(rate)

    def step(carry, _):
        params, state, key, i, order = carry
        key, now = jax.random.split(key)
        order = deal(order, now, i)
        value, gradient = jax.value_and_grad(loss)(params, now, i, order)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state, key, i + 1, order), value

    block = jax.jit(lambda carry: jax.lax.scan(step, carry, None, length=work["steps"])[0])
    report(*measure(block, (params, optimizer.init(params), RUN, jnp.int32(0), order)))


def scale_of(rho):
    return jax.nn.softplus(rho)


def normal_kl(loc, scale):
    """The divergence from a standard Normal, summed."""
    return jnp.sum(0.5 * (scale**2 + loc**2 - 1) - jnp.log(scale))


def start_net(key, widths):
    def site(key, shape):
        a, b = jax.random.split(key)
        return jax.random.uniform(a, shape, minval=-0.2, maxval=0.2), jax.random.uniform(b, shape, minval=-5, maxval=-4)

    layers = []
    for a, b in zip(widths, widths[1:]):
        key, one, two = jax.random.split(key, 3)
        layers.append((site(one, (a, b)), site(two, (1, b))))
    return layers


def forward(layers, key, x, local):
    """The outputs, and the divergence from the prior."""
    kl = 0.0
    for i, ((w, w_rho), (b, b_rho)) in enumerate(layers):
        key, one, two = jax.random.split(key, 3)
        w_scale, b_scale = scale_of(w_rho), scale_of(b_rho)
        kl += normal_kl(w, w_scale) + normal_kl(b, b_scale)
        if i > 0:
            x = jax.nn.relu(x)
        if local:
            mean, variance = x @ w + b, (x * x) @ (w_scale * w_scale) + b_scale * b_scale
            x = mean + jnp.sqrt(variance + 1e-30) * jax.random.normal(one, mean.shape)
        else:
            w = w + w_scale * jax.random.normal(one, w.shape)
            x = x @ w + (b + b_scale * jax.random.normal(two, b.shape))
    return x, kl


def net():
    widths, rows, batch, local = work["widths"], work["rows"], work["batch"], work["local"]
    one, two = jax.random.split(DATA)
    if work["loss"] == "cross-entropy":
        x = jax.random.uniform(one, (rows, widths[0]))
        y = jax.random.randint(two, (rows,), 0, widths[-1])
    elif widths[0] == 1:
        x = jnp.linspace(-3, 3, rows)[:, None]
        y = jnp.sin(x) + 0.1 * jax.random.normal(two, x.shape)
    else:
        x, y = jax.random.normal(one, (rows, widths[0])), jax.random.normal(two, (rows, 1))

    shuffled, per_epoch = work.get("shuffled", False), rows // batch

    def loss(layers, key, i, order):
        bx, by = x, y
        if shuffled:
            at = jax.lax.dynamic_slice_in_dim(order, i % per_epoch * batch, batch)
            bx, by = x[at], y[at]
        elif batch < rows:
            at = (i * batch) % (rows - batch + 1)
            bx, by = (jax.lax.dynamic_slice_in_dim(d, at, batch) for d in (x, y))
        out, kl = forward(layers, key, bx, local)
        if work["loss"] == "mse":
            data = jnp.mean((out - by) ** 2)
        else:
            data = optax.softmax_cross_entropy_with_integer_labels(out, by).mean()
        return data + KL_WEIGHT * kl / rows

    def deal(order, key, i):
        new = lambda: jax.random.permutation(jax.random.fold_in(key, 1), order)
        return jax.lax.cond(i % per_epoch == 0, new, lambda: order)

    layers = start_net(START, widths)
    if shuffled:
        train(layers, loss, work["rate"], jnp.arange(rows), deal)
    else:
        train(layers, loss, work["rate"])


def predict():
    layers = start_net(START, work["widths"])
    x = jnp.linspace(-6, 6, work["inputs"])[:, None]

    @jax.jit
    def call(carry):
        key, now = jax.random.split(carry[0])
        keys = jax.random.split(now, work["draws"])
        return key, jax.vmap(lambda k: forward(layers, k, x, False)[0])(keys)

    report(*measure(call, (RUN, None)))


def gaussian(params, key):
    """A draw of every site of a mean-field Gaussian, as a dictionary."""
    keys = jax.random.split(key, len(params))
    return {
        name: loc + scale_of(rho) * jax.random.normal(k, loc.shape)
        for k, (name, (loc, rho)) in zip(keys, params.items())
    }


def entropy(params, name):
    scale = scale_of(params[name][1])
    return jnp.sum(jnp.log(scale)) + scale.size * 0.5 * (1 + LN_TAU)


def start_sites(**sizes):
    rho = math.log(math.expm1(0.1))
    return {name: (jnp.zeros(size), jnp.full(size, rho, jnp.float64)) for name, size in sizes.items()}


def linear():
    rows, columns = work["rows"], work["columns"]
    one, two, three = jax.random.split(DATA, 3)
    x = jax.random.normal(one, (rows, columns))
    y = x @ jax.random.normal(two, (columns,)) + jax.random.normal(three, (rows,))

    def one_draw(params, key):
        u = gaussian(params, key)
        noise = jnp.exp(u["noise"])
        z = (y - x @ u["b"]) / noise
        log_likelihood = jnp.sum(-0.5 * z * z - jnp.log(noise) - 0.5 * LN_TAU)
        # HalfNormal(1) in the logarithm of its value.
        log_prior = jnp.sum(0.5 * math.log(2 / math.pi) - 0.5 * noise**2 + u["noise"])
        loc, rho = params["b"]
        return normal_kl(loc, scale_of(rho)) - entropy(params, "noise") - log_prior - log_likelihood

    def loss(params, key, _, __):
        keys = jax.random.split(key, work["draws"])
        return jnp.mean(jax.vmap(lambda k: one_draw(params, k))(keys))

    train(start_sites(b=columns, noise=1), loss, 0.05)


def logistic():
    rows, columns, groups = work["rows"], work["columns"], work["groups"]
    one, two, three = jax.random.split(DATA, 3)
    x = jax.random.normal(one, (rows, columns))
    odds = x @ (0.2 * jax.random.normal(two, (columns,)))
    y = (jax.random.uniform(three, (rows,)) < jax.nn.sigmoid(odds)).astype(x.dtype)
    group = jnp.arange(rows) % groups

    def loss(params, key, _, __):
        u = gaussian(params, key)
        spread = jnp.exp(u["spread"])
        intercept = u["mean"] + spread * u["z"]
        logits = x @ u["slope"] + intercept[group]
        log_likelihood = jnp.sum(y * logits - jax.nn.softplus(logits))
        # HalfCauchy(1) in the logarithm of its value.
        log_prior = jnp.sum(math.log(2 / math.pi) - jnp.log1p(spread**2) + u["spread"])
        kl = sum(normal_kl(params[name][0], scale_of(params[name][1])) for name in ("slope", "z"))
        loc, scale = params["mean"][0], scale_of(params["mean"][1])
        kl += normal_kl(loc / 5, scale / 5)
        return kl - entropy(params, "spread") - log_prior - log_likelihood

    train(start_sites(slope=columns, mean=1, spread=1, z=groups), loss, 0.05)


# Log density, and what value and parameters are made of standard normal numbers.
REAL, POSITIVE, UNIT = (lambda z: z), (lambda z: 0.5 + z * z), jax.nn.sigmoid


def weibull(x, k, scale):
    z = jnp.log(x / scale)
    return jnp.log(k / scale) + (k - 1) * z - jnp.exp(k * z)


def gumbel(x, loc, scale):
    z = (x - loc) / scale
    return -z - jnp.exp(-z) - jnp.log(scale)


def inverse_gamma(x, a, b):
    return a * jnp.log(b) - jax.scipy.special.gammaln(a) - (a + 1) * jnp.log(x) - b / x


FAMILIES = {
    "normal": (stats.norm.logpdf, (REAL, REAL, POSITIVE)),
    "log-normal": (lambda x, loc, scale: stats.norm.logpdf(jnp.log(x), loc, scale) - jnp.log(x), (POSITIVE, REAL, POSITIVE)),
    "student-t": (stats.t.logpdf, (REAL, POSITIVE, REAL, POSITIVE)),
    "gamma": (lambda x, a, rate: stats.gamma.logpdf(x, a, scale=1 / rate), (POSITIVE, POSITIVE, POSITIVE)),
    "laplace": (stats.laplace.logpdf, (REAL, REAL, POSITIVE)),
    "beta": (stats.beta.logpdf, (UNIT, POSITIVE, POSITIVE)),
    "inverse-gamma": (inverse_gamma, (POSITIVE, POSITIVE, POSITIVE)),
    "weibull": (weibull, (POSITIVE, POSITIVE, POSITIVE)),
    "cauchy": (stats.cauchy.logpdf, (REAL, REAL, POSITIVE)),
    "gumbel": (gumbel, (REAL, REAL, POSITIVE)),
}


def density():
    log_prob, ranges = FAMILIES[work["family"]]
    draws = [jax.random.normal(k, (work["entries"],)) for k in jax.random.split(DATA, len(ranges))]
    columns = [of(x) for x, of in zip(draws, ranges)]
    numbers = tuple(range(len(columns)))
    once = jax.jit(jax.value_and_grad(lambda *a: jnp.sum(log_prob(*a)), argnums=numbers))

    def call(_):
        for _ in range(work["steps"]):
            result = jax.block_until_ready(once(*columns))
        return result

    report(*measure(call, None))


def normals():
    dtype = jnp.float64 if work["double"] else jnp.float32
    once = jax.jit(lambda key: jax.random.normal(key, (work["entries"],), dtype))

    def call(key):
        for _ in range(work["steps"]):
            key, now = jax.random.split(key)
            jax.block_until_ready(once(now))
        return key

    report(*measure(call, RUN))


{"net": net, "predict": predict, "linear": linear, "logistic": logistic, "density": density, "normals": normals}[work["kind"]]()
