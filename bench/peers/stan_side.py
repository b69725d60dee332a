"""Stan programs of published posteriors, for the examples and measurements that take a compiled Stan model.

usage: stan_side.py --data DIR --out FOLDER [--only A,B]

DIR has the folders posteriordb and synthetic. FOLDER gets a file NAME.json for every posterior: its data, together with the
program, for the library of the package stanli, which has the C interface of BridgeStan and needs no C++ compiler. Its path
is printed in the end. Then
  cargo run --release --example bridgestan -- LIBRARY FOLDER/NAME.json           fits the posterior
  cargo run --release --example bridgestan -- --cost LIBRARY FOLDER/*.json       prints what a gradient costs

The environment: python3 -m venv ENV && ENV/bin/pip install stanli

The programs are those of the 15 posteriors that docs/inference.md sets beside other libraries; stan_methods.py compiles the same.
The densities are those of model.md of each posterior. Programs are written for speed as Stan's manual says: vectorised, and with
the functions for generalised linear models, which have gradients of their own.
"""
import argparse
import functools
import json
from pathlib import Path

import numpy as np

# A linear regression by the function for it, with K columns that are made of the data.
REGRESSION = """
data {{ int N; {data} }}
transformed data {{ matrix[N, {k}] x = {columns}; vector[N] y = to_vector({y}); }}
parameters {{ real first; vector[{k}] slopes; real<lower=0> sigma; }}
model {{ {prior} y ~ normal_id_glm(x, first, slopes, sigma); }}
"""


def regression(y, columns, data, prior=""):
    joined = functools.reduce("append_col({}, {})".format, [f"to_matrix({column}, N, 1)" for column in columns])
    return REGRESSION.format(data=data, k=len(columns), columns=joined, y=y, prior=prior)


LEVELS = {name: [f"{name}{level}" for level in (2, 3, 4)] for name in ("age_discrete", "mom_work")}
NES = ["real_ideo", "race_adj", *LEVELS["age_discrete"], "educ1", "gender", "income"]
MESQUITE = ["diam1", "diam2", "canopy_height", "total_height", "density", "group"]

PROGRAMS = {
    "posteriordb/arK-arK": """
data { int K; int T; vector[T] y; }
transformed data {
  matrix[T - K, K] x;
  for (k in 1:K) x[, k] = y[(K + 1 - k):(T - k)];
  vector[T - K] z = y[(K + 1):T];
}
parameters { real alpha; vector[K] beta; real<lower=0> sigma; }
model {
  alpha ~ normal(0, 10); beta ~ normal(0, 10); sigma ~ cauchy(0, 2.5);
  z ~ normal_id_glm(x, alpha, beta, sigma);
}
""",
    "posteriordb/earnings-earn_height": regression("earn", ["height"], "vector[N] earn; vector[N] height;"),
    "posteriordb/earnings-logearn_interaction": regression(
        "log(earn)", ["height", "male", "(height .* male)"], "vector[N] earn; vector[N] height; vector[N] male;"),
    "posteriordb/eight_schools-eight_schools_centered": """
data { int J; vector[J] y; vector[J] sigma; }
parameters { vector[J] theta; real mu; real<lower=0> tau; }
model {
  theta ~ normal(mu, tau); mu ~ normal(0, 5); tau ~ cauchy(0, 5);
  y ~ normal(theta, sigma);
}
""",
    "posteriordb/eight_schools-eight_schools_noncentered": """
data { int J; vector[J] y; vector[J] sigma; }
parameters { vector[J] theta_trans; real mu; real<lower=0> tau; }
model {
  theta_trans ~ normal(0, 1); mu ~ normal(0, 5); tau ~ cauchy(0, 5);
  y ~ normal(mu + tau * theta_trans, sigma);
}
""",
    "posteriordb/gp_pois_regr-gp_regr": """
data { int N; array[N] real x; vector[N] y; }
parameters { real<lower=0> rho; real<lower=0> alpha; real<lower=0> sigma; }
model {
  rho ~ gamma(25, 4); alpha ~ normal(0, 2); sigma ~ normal(0, 1);
  y ~ multi_normal_cholesky(rep_vector(0, N), cholesky_decompose(add_diag(gp_exp_quad_cov(x, alpha, rho), sigma)));
}
""",
    "posteriordb/kidiq-kidscore_interaction": regression(
        "kid_score", ["mom_hs", "mom_iq", "(mom_hs .* mom_iq)"],
        "vector[N] kid_score; vector[N] mom_hs; vector[N] mom_iq;", "sigma ~ cauchy(0, 2.5);"),
    "posteriordb/kidiq_with_mom_work-kidscore_mom_work": regression(
        "kid_score", LEVELS["mom_work"],
        " ".join(f"vector[N] {name};" for name in ["kid_score", *LEVELS["mom_work"]])),
    "posteriordb/low_dim_gauss_mix-low_dim_gauss_mix": """
data { int N; vector[N] y; }
parameters { ordered[2] mu; vector<lower=0>[2] sigma; real<lower=0, upper=1> theta; }
model {
  sigma ~ normal(0, 2); mu ~ normal(0, 2); theta ~ beta(5, 5);
  for (n in 1:N) target += log_mix(theta, normal_lpdf(y[n] | mu[1], sigma[1]), normal_lpdf(y[n] | mu[2], sigma[2]));
}
""",
    "posteriordb/mesquite-logmesquite": regression(
        "log(weight)", [*(f"log({name})" for name in MESQUITE[:-1]), "group"],
        " ".join(f"vector[N] {name};" for name in ["weight", *MESQUITE])),
    "posteriordb/nes1972-nes": regression(
        "partyid7", NES,
        " ".join(f"vector[N] {name};" for name in ["partyid7", *NES])),
    "posteriordb/sblrc-blr": """
data { int N; int D; matrix[N, D] X; vector[N] y; }
parameters { vector[D] beta; real<lower=0> sigma; }
model { beta ~ normal(0, 10); sigma ~ normal(0, 10); y ~ normal_id_glm(X, 0.0, beta, sigma); }
""",
    "synthetic/hierarchical_normal": """
data { int G; int N; array[N] int group; vector[N] y; }
parameters { real mu; real<lower=0> tau; real<lower=0> sigma; vector[G] z; }
model {
  mu ~ normal(0, 5); tau ~ normal(0, 2); sigma ~ normal(0, 2); z ~ normal(0, 1);
  vector[G] effect = mu + tau * z;
  y ~ normal(effect[group], sigma);
}
""",
    "synthetic/logistic": """
data { int N; int D; matrix[N, D] X; array[N] int y; }
parameters { real alpha; vector[D] beta; }
model { alpha ~ normal(0, 2.5); beta ~ normal(0, 1); y ~ bernoulli_logit_glm(X, alpha, beta); }
""",
    "synthetic/poisson_cubic": """
data { int N; vector[N] x; vector[N] exposure; array[N] int y; }
transformed data {
  matrix[N, 4] powers;
  for (k in 1:4) powers[, k] = pow(x, k - 1);
  vector[N] log_exposure = log(exposure);
}
parameters { vector[4] beta; }
model { beta ~ normal(0, 2); y ~ poisson_log_glm(powers, log_exposure, beta); }
""",
}


def with_levels(data):
    """The data with a column of zeros and ones for each level of a factor that is not the first."""
    columns = {column: [int(level == int(column[-1])) for level in data[name]]
               for name in LEVELS if name in data for column in LEVELS[name]}
    return {**data, **columns}


def check(log_prob_grad, reference):
    """Asserts that the density is that of the reference up to a constant, and that gradients are equal."""
    offsets = []
    for probe in reference["probes"]:
        value, gradient = log_prob_grad(np.array(probe["unconstrained"], float))
        offsets.append(value - probe["log_density_unconstrained"])
        np.testing.assert_allclose(gradient, probe["grad_unconstrained"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(offsets, offsets[0], rtol=1e-9, atol=1e-9)


def main():
    import stanli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    only = [name for name in args.only.split(",") if name]
    args.out.mkdir(parents=True, exist_ok=True)
    for place, program in PROGRAMS.items():
        name = place.split("/")[1]
        if only and name not in only:
            continue
        data = with_levels(json.loads((args.data / place / "data.json").read_text()))
        mir = stanli.stan_to_mir(program)
        check(stanli.Model(mir=mir, data=data).log_prob_grad, json.loads((args.data / place / "reference.json").read_text()))
        data["__stanli"] = {"build_id": stanli.build_id(), "mir": mir, "name": name}
        (args.out / f"{name}.json").write_text(json.dumps(data))
        print(args.out / f"{name}.json")
    print(Path(stanli.__file__).parent / "_bin" / "libstanli.so")


if __name__ == "__main__":
    main()
