"""Public posteriors under NumPyro, and by the objective of DADVI, beside this library's default fit.

usage: posteriors.py --data DIR [--only A,B] [--methods normal,mvn,dadvi,nuts] [--ours FILE] [--json FILE]
       posteriors.py --data DIR --gradients [--only A,B] [--ours-cost FILE]

DIR has the folders posteriordb and synthetic; a model reads data.json there, and results are compared with reference.json.
FILE of --ours is what `posteriordb --data DIR --json FILE` wrote (see examples/README.md), FILE of --ours-cost what
`posteriordb --data DIR --cost` printed; without them only the peers are shown. What FILE of --json has already is not run again.

The environment: python3 -m venv ENV && ENV/bin/pip install jax numpyro scipy

Every density is first compared with the `probes` of reference.json, so that all sides compute the same thing. All is in
double precision. Give the process one core (taskset): time is the processor's, which other work does not change. It is that of the
method alone, its compilation by itself:
  normal, mvn   NumPyro SVI with AutoNormal or AutoMultivariateNormal, Adam (rate 0.01), one draw a step, 20 000 steps, the loop
                compiled as one scan; as many gradients as steps
  nuts          NumPyro NUTS, 4 chains one after the other, 1000 warm-up and 1000 kept draws; leapfrog steps are counted
  dadvi         the mean field of deterministic ADVI as it is published (Giordano, Ingram, Broderick 2024): 30 fixed draws, the trust
                region Newton-CG of scipy with exact Hessian-vector products, from 0; a product counts as two gradients
The Python interface of stanli has neither Pathfinder nor ADVI (0.24), so Stan's are not among the methods. BlackJAX's Pathfinder (1.7) was not done
with one posterior of 6 numbers after 90 s.
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
import numpyro.distributions as dist
from jax.flatten_util import ravel_pytree
from numpyro.distributions import constraints
from numpyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal
from numpyro.infer.util import initialize_model

STEPS, RATE = 20_000, 0.01
WARMUP, KEPT, CHAINS = 1000, 1000, 4
FIXED = 30
DRAWS = 20_000


# --- models: each takes the data and gives a NumPyro model; sites have the names of the published parameters ---

def flat(shape=(), constraint=constraints.real):
    return dist.ImproperUniform(constraint, shape, ())


def regression(y, predictors, priors="flat", intercept=True):
    columns = [np.ones(len(y))] * intercept + [np.asarray(p, float) for p in predictors]
    x, y = jnp.asarray(np.stack(columns, 1)), jnp.asarray(y, float)
    k = x.shape[1]

    def model():
        beta = numpyro.sample("beta", dist.Normal(0, 10).expand([k]) if priors == "vague" else flat((k,)))
        sigma = numpyro.sample("sigma", {
            "flat": flat(constraint=constraints.positive), "half_cauchy": dist.HalfCauchy(2.5),
            "vague": dist.HalfNormal(10.0),
        }[priors])
        numpyro.sample("y", dist.Normal(x @ beta, sigma), obs=y)

    return model


def column(data, name):
    return np.asarray(data[name], float)


def earn_height(d):
    return regression(column(d, "earn"), [column(d, "height")])


def log10earn_height(d):
    return regression(np.log10(column(d, "earn")), [column(d, "height")])


def logearn_height(d):
    return regression(np.log(column(d, "earn")), [column(d, "height")])


def logearn_interaction(d):
    height, male = column(d, "height"), column(d, "male")
    return regression(np.log(column(d, "earn")), [height, male, height * male])


def logearn_logheight_male(d):
    return regression(np.log(column(d, "earn")), [np.log(column(d, "height")), column(d, "male")])


def kidscore(names, interaction=False):
    def build(d):
        predictors = [column(d, name) for name in names]
        if interaction:
            predictors.append(predictors[0] * predictors[1])
        return regression(column(d, "kid_score"), predictors, "half_cauchy")

    return build


def kidscore_interaction_c(d):
    hs, iq = (column(d, name) - column(d, name).mean() for name in ("mom_hs", "mom_iq"))
    return regression(column(d, "kid_score"), [hs, iq, hs * iq])


def kidscore_mom_work(d):
    work = column(d, "mom_work")
    return regression(column(d, "kid_score"), [work == 2, work == 3, work == 4])


MESQUITE = ["diam1", "diam2", "canopy_height", "total_height", "density"]


def mesquite(d):
    return regression(column(d, "weight"), [column(d, name) for name in [*MESQUITE, "group"]])


def logmesquite(d):
    predictors = [np.log(column(d, name)) for name in MESQUITE]
    return regression(np.log(column(d, "weight")), [*predictors, column(d, "group")])


def logmesquite_logvas(d):
    long, short, canopy, height, density = (np.log(column(d, name)) for name in MESQUITE)
    predictors = [long + short + canopy, long + short, long - short, height, density, column(d, "group")]
    return regression(np.log(column(d, "weight")), predictors)


def logmesquite_logvolume(d):
    return regression(np.log(column(d, "weight")), [sum(np.log(column(d, name)) for name in MESQUITE[:3])])


def nes(d):
    age = column(d, "age_discrete")
    predictors = [column(d, "real_ideo"), column(d, "race_adj"), age == 2, age == 3, age == 4]
    predictors += [column(d, name) for name in ("educ1", "gender", "income")]
    return regression(column(d, "partyid7"), predictors)


def blr(d):
    return regression(column(d, "y"), np.asarray(d["X"], float).T, "vague", intercept=False)


def eight_schools(centred):
    def build(d):
        y, sigma = jnp.asarray(column(d, "y")), jnp.asarray(column(d, "sigma"))

        def model():
            mu = numpyro.sample("mu", dist.Normal(0, 5))
            tau = numpyro.sample("tau", dist.HalfCauchy(5))
            if centred:
                theta = numpyro.sample("theta", dist.Normal(mu, tau).expand([len(y)]))
            else:
                z = numpyro.sample("theta_trans", dist.Normal(0, 1).expand([len(y)]))
                theta = numpyro.deterministic("theta", mu + tau * z)
            numpyro.sample("y", dist.Normal(theta, sigma), obs=y)

        return model

    return build


def autoregression(d):
    order, y = d["K"], column(d, "y")
    before = jnp.asarray(np.stack([y[order - lag:len(y) - lag] for lag in range(1, order + 1)], 1))
    y = jnp.asarray(y[order:])

    def model():
        alpha = numpyro.sample("alpha", dist.Normal(0, 10))
        beta = numpyro.sample("beta", dist.Normal(0, 10).expand([order]))
        sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))
        numpyro.sample("y", dist.Normal(alpha + before @ beta, sigma), obs=y)

    return model


def garch(d):
    y, first = jnp.asarray(column(d, "y")), d["sigma1"] ** 2

    def model():
        mu = numpyro.sample("mu", flat())
        alpha0 = numpyro.sample("alpha0", flat(constraint=constraints.positive))
        alpha1 = numpyro.sample("alpha1", flat(constraint=constraints.unit_interval))
        beta1 = numpyro.sample("beta1", dist.Uniform(0, 1 - alpha1))
        numpyro.factor("flat", jnp.log1p(-alpha1))

        def step(variance, y):
            variance = alpha0 + alpha1 * (y - mu) ** 2 + beta1 * variance
            return variance, variance

        later = jax.lax.scan(step, jnp.asarray(first), y[:-1])[1]
        numpyro.sample("y", dist.Normal(mu, jnp.sqrt(jnp.concatenate([jnp.asarray([first]), later]))), obs=y)

    return model


def gaussian_mixture(d):
    y = jnp.asarray(column(d, "y"))

    def model():
        mu = numpyro.sample("mu", dist.ImproperUniform(constraints.ordered_vector, (), (2,)))
        numpyro.factor("mu_prior", dist.Normal(0, 2).log_prob(mu).sum())
        sigma = numpyro.sample("sigma", dist.HalfNormal(2).expand([2]))
        theta = numpyro.sample("theta", dist.Beta(5, 5))
        parts = dist.Normal(mu, sigma).log_prob(y[:, None]) + jnp.log(jnp.stack([theta, 1 - theta]))
        numpyro.factor("y", jax.nn.logsumexp(parts, axis=1).sum())

    return model


def gp_regression(d):
    x, y = jnp.asarray(column(d, "x")), jnp.asarray(column(d, "y"))
    squares = (x[:, None] - x[None, :]) ** 2

    def model():
        rho = numpyro.sample("rho", dist.Gamma(25.0, 4.0))
        alpha = numpyro.sample("alpha", dist.HalfNormal(2.0))
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        covariance = alpha**2 * jnp.exp(-squares / (2 * rho**2)) + sigma * jnp.eye(len(x))
        numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), covariance), obs=y)

    return model


def hierarchical_normal(d):
    groups, y = jnp.asarray(d["group"]) - 1, jnp.asarray(column(d, "y"))

    def model():
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        tau = numpyro.sample("tau", dist.HalfNormal(2))
        sigma = numpyro.sample("sigma", dist.HalfNormal(2))
        z = numpyro.sample("z", dist.Normal(0, 1).expand([d["G"]]))
        numpyro.sample("y", dist.Normal((mu + tau * z)[groups], sigma), obs=y)

    return model


def logistic(d):
    x, y = jnp.asarray(np.asarray(d["X"], float)), jnp.asarray(d["y"])

    def model():
        alpha = numpyro.sample("alpha", dist.Normal(0, 2.5))
        beta = numpyro.sample("beta", dist.Normal(0, 1).expand([x.shape[1]]))
        numpyro.sample("y", dist.Bernoulli(logits=alpha + x @ beta), obs=y)

    return model


def poisson_cubic(d):
    x = column(d, "x")
    powers = jnp.asarray(np.stack([x**k for k in range(4)], 1))
    exposure, y = jnp.asarray(column(d, "exposure")), jnp.asarray(d["y"])

    def model():
        beta = numpyro.sample("beta", dist.Normal(0, 2).expand([4]))
        numpyro.sample("y", dist.Poisson(exposure * jnp.exp(powers @ beta)), obs=y)

    return model


MODELS = {
    "arK-arK": autoregression,
    "earnings-earn_height": earn_height,
    "earnings-log10earn_height": log10earn_height,
    "earnings-logearn_height": logearn_height,
    "earnings-logearn_interaction": logearn_interaction,
    "earnings-logearn_logheight_male": logearn_logheight_male,
    "eight_schools-eight_schools_centered": eight_schools(True),
    "eight_schools-eight_schools_noncentered": eight_schools(False),
    "garch-garch11": garch,
    "gp_pois_regr-gp_regr": gp_regression,
    "kidiq-kidscore_interaction": kidscore(["mom_hs", "mom_iq"], True),
    "kidiq-kidscore_momhs": kidscore(["mom_hs"]),
    "kidiq-kidscore_momhsiq": kidscore(["mom_hs", "mom_iq"]),
    "kidiq_with_mom_work-kidscore_interaction_c": kidscore_interaction_c,
    "kidiq_with_mom_work-kidscore_mom_work": kidscore_mom_work,
    "low_dim_gauss_mix-low_dim_gauss_mix": gaussian_mixture,
    "mesquite-logmesquite": logmesquite,
    "mesquite-logmesquite_logvas": logmesquite_logvas,
    "mesquite-logmesquite_logvolume": logmesquite_logvolume,
    "mesquite-mesquite": mesquite,
    "nes1972-nes": nes,
    "nes1976-nes": nes,
    "nes1980-nes": nes,
    "nes1988-nes": nes,
    "nes2000-nes": nes,
    "sblrc-blr": blr,
    "sblri-blr": blr,
    "hierarchical_normal": hierarchical_normal,
    "logistic": logistic,
    "poisson_cubic": poisson_cubic,
}


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
    mcmc = MCMC(NUTS(model), num_warmup=WARMUP, num_samples=KEPT, num_chains=CHAINS,
                chain_method="sequential", progress_bar=False)

    def once(seed):
        begin = time.process_time()
        mcmc.warmup(jax.random.key(seed), collect_warmup=True, extra_fields=("num_steps",))
        steps = int(mcmc.get_extra_fields()["num_steps"].sum())
        mcmc.run(mcmc.post_warmup_state.rng_key, extra_fields=("num_steps",))
        jax.block_until_ready(mcmc.get_samples())
        return steps + int(mcmc.get_extra_fields()["num_steps"].sum()), time.process_time() - begin

    _, first = once(seed)
    gradients, seconds = once(seed)  # The same again, compiled by now.
    return mcmc.get_samples(), gradients, max(first - seconds, 0.0), seconds


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


METHODS = {
    "normal": lambda model, seed: svi(AutoNormal, model, seed),
    "mvn": lambda model, seed: svi(AutoMultivariateNormal, model, seed),
    "nuts": nuts,
    "dadvi": dadvi,
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
    print(f"{'posterior':44} {'method':10} {'mean err':>9} {'sd err':>8} {'gradients':>9} {'compile s':>9} {'run s':>8}")
    for name, data, reference in folders(args.data, args.only):
        methods = [method for method in args.methods if (name, method) not in done]
        model = MODELS[name](data)
        if methods:
            worst = Density(model).check(reference)
            assert worst < 1e-9, f"{name}: another density, {worst}"
        for method in methods:
            try:
                draws, count, compilation, seconds = METHODS[method](model, args.seed)
                off, sd, rms = errors(draws, reference)
            except Exception as error:  # One that fails is a result, too.
                print(f"{name:44} {method:10} failed: {type(error).__name__}: {str(error)[:80]}", flush=True)
                results.append({"name": name, "method": method, "error": str(error)})
                continue
            results.append({"name": name, "method": method, "worst_mean_error": off, "worst_sd_error": sd,
                            "rms_sd_error": rms, "gradients": count, "compilation": compilation, "seconds": seconds})
            shown = "-" if count is None else count
            print(f"{name:44} {method:10} {off:9.3f} {sd:8.3f} {shown:>9} {compilation:9.2f} {seconds:8.3f}", flush=True)
        if name in ours:
            own = ours[name]
            print(f"{name:44} {'ours':10} {own['worst_mean_error']:9.3f} {own['worst_sd_error']:8.3f} {own['gradients']:9} {0:9.2f} {own['seconds']:8.3f}", flush=True)
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
        print(f"| {method} ({len(rows)}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ours", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--ours-cost", type=Path)
    args = parser.parse_args()
    gradients(args) if args.gradients else fits(args)
