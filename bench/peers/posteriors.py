"""Public posteriors under NumPyro, under Stan, and by the objective of DADVI, beside this library's default fit.

usage: posteriors.py --data DIR [--only A,B] [--methods normal,mvn,dadvi,nuts] [--ours FILE] [--json FILE]
       posteriors.py --data DIR --methods stan-pathfinder,stan-multipath,stan-meanfield,stan-fullrank --build FOLDER [...]
       posteriors.py --data DIR --gradients [--only A,B] [--ours-cost FILE]

DIR has the folders posteriordb and synthetic; a model of posterior_models.py reads data.json there, and results are compared with reference.json.
FILE of --ours is what `posteriordb --data DIR --json FILE` wrote (see examples/README.md), FILE of --ours-cost what
`posteriordb --data DIR --cost` printed; without them only the peers are shown. What FILE of --json has already is not run again.

The environment: python3 -m venv ENV && ENV/bin/pip install jax numpyro scipy, blackjax and pymc-extras for their methods; for Stan's methods also
ENV/bin/pip install --no-deps httpstan, and g++. FOLDER of --build keeps what was compiled.

Every density is first compared with the `probes` of reference.json, so that all sides compute the same thing. All is in
double precision. Give the process one core (taskset): time is the processor's, which other work does not change. It is that of the
method alone, its compilation by itself:
  normal, mvn   NumPyro SVI with AutoNormal or AutoMultivariateNormal, Adam (rate 0.01), one draw a step, 20 000 steps, the loop
                compiled as one scan; as many gradients as steps
  nuts          NumPyro NUTS, 4 chains one after the other, 1000 warm-up and 1000 kept draws; leapfrog steps are counted
  dadvi         the mean field of deterministic ADVI as it is published (Giordano, Ingram, Broderick 2024): 30 fixed draws, the trust
                region Newton-CG of scipy with exact Hessian-vector products, from 0; a product counts as two gradients
  blackjax      BlackJAX's multi-path Pathfinder compiled as a whole, 4 paths of at most 100 steps from within 2 of 0, else its default
                settings; 1000 draws resampled by smoothed importance weights; its gradients cannot be counted from outside
  pymc          the Pathfinder of pymc-extras on a PyMC model of the same density (a flat vector and the JAX function as its potential), 4 paths,
                one after the other, else its default settings; it compiles and runs in one call, so its compilation is in the
                seconds of the run; its gradients cannot be counted from outside
  stan-...      Stan's Pathfinder and ADVI as stan_methods.py says, on the 15 posteriors that have a program in stan_side.py
"""
import argparse
import json
import math
import statistics
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import numpyro
from jax.flatten_util import ravel_pytree
from numpyro.infer import NUTS, SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal
from numpyro.infer.util import initialize_model

from posterior_models import MODELS

STEPS, RATE = 20_000, 0.01
WARMUP, KEPT, CHAINS = 1000, 1000, 4
FIXED = 30
PATHS, ITERATIONS, RESAMPLED = 4, 100, 1000
DRAWS = 20_000


# --- densities ---

def vectors(names, values):
    """`beta[1]`, `beta[2]`, `sigma` as arrays by site."""
    sites = {}
    for name, value in zip(names, values):
        sites.setdefault(name.split("[")[0], []).append((("[" in name), float(value)))
    return {s: jnp.asarray([x for _, x in v]) if v[0][0] else jnp.asarray(v[0][1]) for s, v in sites.items()}


class Density:
    """The log joint density of a model as a function of its unconstrained sites."""

    def __init__(self, model):
        info = initialize_model(jax.random.key(0), model)
        self.template = info.param_info.z
        self.log_joint = lambda u: -info.potential_fn(u)
        self.constrain = info.postprocess_fn

    def check(self, reference):
        """The largest relative error of the log density and its gradient at the probes."""
        names, worst = reference["unconstrained"]["names"], 0.0
        of = jax.jit(jax.value_and_grad(self.log_joint))
        for probe in reference["probes"]:
            u = vectors(names, probe["unconstrained"])
            value, gradient = of({site: u[site] for site in self.template})
            want = vectors(names, probe["grad_unconstrained"])
            got = np.concatenate([np.ravel(gradient[s]) for s in sorted(gradient)])
            want = np.concatenate([np.ravel(want[s]) for s in sorted(gradient)])
            target = probe["log_density_unconstrained"]
            worst = max(worst, abs(float(value) - target) / max(1.0, abs(target)))
            worst = max(worst, np.abs(got - want).max() / max(1.0, np.abs(want).max()))
        return worst


def errors(draws, reference):
    """Worst |error of a mean| in reference standard deviations, worst and RMS relative error of a standard deviation."""
    mean, sd = [], []
    for name in reference["parameters"]:
        site, _, entry = name.partition("[")
        values = np.asarray(draws[site]).reshape(len(draws[site]), -1)[:, int(entry[:-1]) - 1 if entry else 0]
        mean.append(values.mean())
        sd.append(values.std())
    scale = np.asarray(reference["sd"])
    off, ratio = np.abs(np.asarray(mean) - reference["mean"]) / scale, np.asarray(sd) / scale - 1
    return float(off.max()), float(np.abs(ratio).max()), float(np.sqrt((ratio**2).mean()))


# --- methods: each gives draws, gradients, seconds of compilation, seconds of the method ---

def compiled(f, *args):
    """The compiled function, and how long it took to trace and compile."""
    begin = time.process_time()
    f = jax.jit(f).lower(*args).compile()
    return f, time.process_time() - begin


def run_timed(f, *args):
    begin = time.process_time()
    result = jax.block_until_ready(f(*args))
    return result, time.process_time() - begin


def svi(guide_of, model, seed):
    guide = guide_of(model)
    method = SVI(model, guide, numpyro.optim.Adam(RATE), Trace_ELBO())
    begin = time.process_time()
    state = jax.block_until_ready(method.init(jax.random.key(seed)))
    setup = time.process_time() - begin
    loop, compilation = compiled(lambda s: jax.lax.scan(lambda s, _: method.update(s), s, length=STEPS), state)
    (state, _), seconds = run_timed(loop, state)
    params = method.get_params(state)
    draws = guide.sample_posterior(jax.random.key(seed + 1), params, sample_shape=(DRAWS,))
    return draws, STEPS, setup + compilation, seconds


def nuts(model, seed):
    # By hand, because MCMC compiles its loops again for every chain.
    kernel = NUTS(model)
    begin = time.process_time()
    states = [kernel.init(key, WARMUP, None, (), {}) for key in jax.random.split(jax.random.key(seed), CHAINS)]
    setup = time.process_time() - begin

    def step(state, _):
        state = kernel.sample(state, (), {})
        return state, (state.z, state.num_steps)

    loop, compilation = compiled(lambda state: jax.lax.scan(step, state, length=WARMUP + KEPT)[1], states[0])
    chains, seconds = zip(*(run_timed(loop, state) for state in states))
    kept = jax.tree.map(lambda *z: jnp.concatenate([part[WARMUP:] for part in z]), *(z for z, _ in chains))
    draws = jax.vmap(kernel.postprocess_fn((), {}))(kept)
    return draws, int(sum(steps.sum() for _, steps in chains)), setup + compilation, sum(seconds)


def dadvi(model, seed):
    import scipy.optimize

    density = Density(model)
    flatten, unflatten = ravel_pytree(density.template)
    d = flatten.size
    z = jax.random.normal(jax.random.key(seed), (FIXED, d))

    def loss(x):
        mean, log_sd = x[:d], x[d:]
        return -jax.vmap(lambda z: density.log_joint(unflatten(mean + jnp.exp(log_sd) * z)))(z).mean() - log_sd.sum()

    start = jnp.concatenate([flatten, jnp.zeros(d)])
    gradient, first = compiled(jax.value_and_grad(loss), start)
    product, second = compiled(lambda x, v: jax.jvp(jax.grad(loss), (x,), (v,))[1], start, start)
    count = 0

    def value(x):
        nonlocal count
        count += FIXED
        value, gradient_there = gradient(x)
        return float(value), np.asarray(gradient_there)

    def along(x, v):
        nonlocal count
        count += 2 * FIXED
        return np.asarray(product(x, v))

    begin = time.process_time()
    found = scipy.optimize.minimize(value, np.asarray(start), method="trust-ncg", jac=True, hessp=along)
    seconds = time.process_time() - begin
    mean, sd = found.x[:d], np.exp(found.x[d:])
    u = mean + sd * np.asarray(jax.random.normal(jax.random.key(seed + 1), (DRAWS, d)))
    return jax.vmap(lambda u: density.constrain(unflatten(u)))(jnp.asarray(u)), count, first + second, seconds


def blackjax_multipath(model, seed):
    from blackjax.vi import multipathfinder

    density = Density(model)
    flatten, unflatten = ravel_pytree(density.template)
    key, started, resampled = jax.random.split(jax.random.key(seed), 3)

    def approximate(starts):
        state, _ = multipathfinder.multi_approximate(
            key, lambda u: density.log_joint(unflatten(u)), starts, maxiter=ITERATIONS)
        log_weights, k_hat = multipathfinder.psis_weights(state)
        chosen = jax.random.choice(resampled, len(log_weights), (RESAMPLED,), p=jnp.exp(log_weights))
        return state.samples.reshape(-1, flatten.size)[chosen], k_hat

    starts = jax.random.uniform(started, (PATHS, flatten.size), minval=-2.0, maxval=2.0)
    method, compilation = compiled(approximate, starts)
    (u, k_hat), seconds = run_timed(method, starts)
    return jax.vmap(lambda u: density.constrain(unflatten(u)))(u), None, compilation, seconds, {"k_hat": float(k_hat)}


def pymc_pathfinder(model, seed):
    import pymc
    import pymc_extras
    import pytensor

    density = Density(model)
    flatten, unflatten = ravel_pytree(density.template)
    begin = time.process_time()
    log_joint = pytensor.wrap_jax(lambda u: density.log_joint(unflatten(u)))
    with pymc.Model() as program:
        u = pymc.Flat("u", shape=flatten.size)
        pymc.Potential("log_joint", log_joint(u))
    # Processes that are forked cannot use JAX.
    found = pymc_extras.fit_pathfinder(model=program, num_paths=PATHS, num_draws=RESAMPLED, random_seed=seed,
                                       concurrent=None, progressbar=False, display_summary=False)
    seconds = time.process_time() - begin
    u = jnp.asarray(found.posterior["u"]).reshape(-1, flatten.size)
    return jax.vmap(lambda u: density.constrain(unflatten(u)))(u), None, 0.0, seconds


STAN = ["stan-pathfinder", "stan-multipath", "stan-meanfield", "stan-fullrank"]
METHODS = {
    "normal": lambda model, seed: svi(AutoNormal, model, seed),
    "mvn": lambda model, seed: svi(AutoMultivariateNormal, model, seed),
    "nuts": nuts,
    "dadvi": dadvi,
    "blackjax": blackjax_multipath,
    "pymc": pymc_pathfinder,
}


# --- cost of a gradient ---

def microseconds(density, reference, points):
    """Microseconds of value and gradient at each of so many points together, in a compiled loop whose next point
    depends on the gradient before."""
    names, mean = reference["unconstrained"]["names"], reference["unconstrained"]["mean"]
    u = {site: vectors(names, mean)[site] for site in density.template}
    of = jax.value_and_grad(density.log_joint)
    if points > 1:
        of = jax.vmap(of)
        u = jax.tree.map(lambda x: jnp.broadcast_to(x, (points, *x.shape)), u)

    def step(carry, _):
        u, total = carry
        value, gradient = of(u)
        # So little that the place stays the same, and no step can be left out.
        return (jax.tree.map(lambda x, g: x + 1e-300 * g, u, gradient), total + value), None

    def timed(calls):
        loop, _ = compiled(lambda u: jax.lax.scan(step, (u, jnp.zeros(points) if points > 1 else 0.0), length=calls), u)
        return lambda: run_timed(loop, u)[1]

    calls = 1000
    once = timed(calls)
    once()
    calls = max(10, int(calls * 0.02 / max(once(), 1e-6)))
    once = timed(calls)
    once()
    return statistics.median(once() for _ in range(9)) / calls / points * 1e6


def called(density, reference):
    """Microseconds of a call of the compiled value and gradient from Python."""
    names, mean = reference["unconstrained"]["names"], reference["unconstrained"]["mean"]
    u = {site: vectors(names, mean)[site] for site in density.template}
    of, _ = compiled(jax.value_and_grad(density.log_joint), u)

    def calls(n):
        begin = time.process_time()
        for _ in range(n):
            result = of(u)
        jax.block_until_ready(result)
        return (time.process_time() - begin) / n

    calls(100)
    return statistics.median(calls(500) for _ in range(9)) * 1e6


# --- output ---

def folders(data, only):
    for name in MODELS:
        for folder in (data / "posteriordb" / name, data / "synthetic" / name, data / name):
            if (folder / "data.json").exists() and (only is None or name in only):
                yield name, json.loads((folder / "data.json").read_text()), json.loads((folder / "reference.json").read_text())
                break


def geometric(values):
    return math.exp(statistics.mean(math.log(v) for v in values))


def gradients(args):
    ours = {}
    if args.ours_cost:
        for line in args.ours_cost.read_text().splitlines():
            parts = line.split()
            if len(parts) == 3 and parts[0] in MODELS:
                ours[parts[0]] = [float(parts[1]), float(parts[2])]
    print("| posterior | ours, alone | of 16 | JAX, alone | of 16 | called from Python | JAX / ours, alone | of 16 | called |\n"
          "|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    ratios = []
    for name, data, reference in folders(args.data, args.only):
        density = Density(MODELS[name](data))
        worst = density.check(reference)
        assert worst < 1e-9, f"{name}: another density, {worst}"
        jax_us = [*(microseconds(density, reference, points) for points in (1, 16)), called(density, reference)]
        cells = [f"{x:.2f}" for x in [*ours.get(name, [math.nan] * 2), *jax_us]]
        if name in ours:
            alone, together = ours[name]
            ratios.append([j / o for j, o in zip(jax_us, (alone, together, alone))])
            cells += [f"{r:.2f}" for r in ratios[-1]]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if ratios:
        print("geometric mean", [round(geometric(r), 2) for r in zip(*ratios)], "least", [round(min(r), 2) for r in zip(*ratios)])


def fits(args):
    ours = {r["name"]: r for r in json.loads(args.ours.read_text())} if args.ours else {}
    # What a run before has written there is not done again.
    results = json.loads(args.json.read_text()) if args.json and args.json.exists() else []
    done = {(r["name"], r["method"]) for r in results}
    print(f"{'posterior':44} {'method':15} {'mean err':>9} {'sd err':>8} {'k-hat':>7} {'gradients':>9} {'compile s':>9} {'run s':>8}")
    for name, data, reference in folders(args.data, args.only):
        methods = [method for method in args.methods if (name, method) not in done]
        if any(method in STAN for method in methods):
            import stan_methods

            methods = [method for method in methods if method not in STAN or name in stan_methods.PROGRAMS]
        model = MODELS[name](data)
        if methods:
            worst = Density(model).check(reference)
            assert worst < 1e-9, f"{name}: another density, {worst}"
        for method in methods:
            try:
                if method in STAN:
                    found = stan_methods.run(method, name, data, reference, args.build, args.seed, args.stan_draws)
                else:
                    found = METHODS[method](model, args.seed)
                draws, count, compilation, seconds, *more = found
                off, sd, rms = errors(draws, reference)
            except AssertionError:
                raise
            except Exception as error:  # One that fails is a result, too.
                print(f"{name:44} {method:15} failed: {type(error).__name__}: {str(error)[:80]}", flush=True)
                results.append({"name": name, "method": method, "error": str(error)})
                continue
            results.append({"name": name, "method": method, "worst_mean_error": off, "worst_sd_error": sd,
                            "rms_sd_error": rms, "gradients": count, "compilation": compilation, "seconds": seconds, **dict(*more)})
            shown = "-" if count is None else count
            k_hat = f"{more[0]['k_hat']:7.2f}" if more else "      -"
            print(f"{name:44} {method:15} {off:9.3f} {sd:8.3f} {k_hat} {shown:>9} {compilation:9.2f} {seconds:8.3f}", flush=True)
        if name in ours:
            own = ours[name]
            print(f"{name:44} {'ours':15} {own['worst_mean_error']:9.3f} {own['worst_sd_error']:8.3f} {own['k_hat'] or math.nan:7.2f} {own['gradients']:9} {0:9.2f} "
                  f"{own['seconds']:8.3f}", flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    summary(results, ours)


def summary(results, ours):
    """Medians by method, and ratios to ours posterior by posterior."""
    print("\n| method | median of worst mean errors | 90 % of posteriors below | worst | gradients, median | seconds run, median | with compilation | "
          "seconds / ours, median: run | with compilation | worse in the mean than ours |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    rows = {m: [r for r in results if r["method"] == m and "error" not in r and math.isfinite(r["worst_mean_error"])]
            for m in dict.fromkeys(r["method"] for r in results)}
    if ours:
        names = {r["name"] for r in results}
        rows["ours"] = [{**r, "compilation": 0.0} for n, r in ours.items() if n in names]
    for method, rows in rows.items():
        if not rows:
            continue
        off = sorted(r["worst_mean_error"] for r in rows)
        counts = [r["gradients"] for r in rows if r["gradients"] is not None]
        cells = [statistics.median(off), off[math.ceil(0.9 * len(off)) - 1], off[-1]]
        cells = [f"{c:.3f}" for c in cells] + [f"{statistics.median(counts):.0f}" if counts else "-"]
        cells += [f"{statistics.median(t):.3f}" for t in zip(*((r["seconds"], r["seconds"] + r["compilation"]) for r in rows))]
        both = [r for r in rows if r["name"] in ours]
        if both and method != "ours":
            cells += [f"{statistics.median((r['seconds'] + w * r['compilation']) / ours[r['name']]['seconds'] for r in both):.1f}" for w in (0, 1)]
            cells.append(f"{sum(r['worst_mean_error'] > ours[r['name']]['worst_mean_error'] for r in both)} of {len(both)}")
        tried = sum(r["method"] == method for r in results) or len(rows)
        print(f"| {method} ({len(rows)} of {tried}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ours", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--build", type=Path, default=Path("stan-build"))
    parser.add_argument("--stan-draws", type=int, default=1000)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--ours-cost", type=Path)
    args = parser.parse_args()
    gradients(args) if args.gradients else fits(args)
