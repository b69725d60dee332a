"""Published and simulated posteriors as NumPyro models, for posteriors.py.

Each function takes the data and gives a model; sites have the names of the published parameters.
"""
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints


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
