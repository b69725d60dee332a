"""Stan programs of published posteriors, for the examples and measurements that take a compiled Stan model.

usage: stan_side.py --data DIR --out FOLDER [--only A,B]

DIR has the folders posteriordb and synthetic. FOLDER gets a file NAME.json for every posterior: its data, together with the
program, for the library of the package stanli, which has the C interface of BridgeStan and needs no C++ compiler. Its path
is printed in the end. Then
  cargo run --release --example bridgestan -- LIBRARY FOLDER/NAME.json           fits the posterior
  cargo run --release --example bridgestan -- --cost LIBRARY FOLDER/*.json       prints what a gradient costs

The environment: python3 -m venv ENV && ENV/bin/pip install stanli

The densities are those of model.md of each posterior. Programs are written for speed as Stan's manual says: vectorised, and with
the functions for generalised linear models, which have gradients of their own.
"""
import argparse
import functools
import json
from pathlib import Path

import numpy as np
import stanli

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


AGES = [f"age{level}" for level in (2, 3, 4)]
NES = ["real_ideo", "race_adj", *AGES, "educ1", "gender", "income"]

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
    "posteriordb/eight_schools-eight_schools_noncentered": """
data { int J; vector[J] y; vector[J] sigma; }
parameters { vector[J] theta_trans; real mu; real<lower=0> tau; }
model {
  theta_trans ~ normal(0, 1); mu ~ normal(0, 5); tau ~ cauchy(0, 5);
  y ~ normal(mu + tau * theta_trans, sigma);
}
""",
    "posteriordb/kidiq-kidscore_interaction": regression(
        "kid_score", ["mom_hs", "mom_iq", "(mom_hs .* mom_iq)"],
        "vector[N] kid_score; vector[N] mom_hs; vector[N] mom_iq;", "sigma ~ cauchy(0, 2.5);"),
    "posteriordb/nes1972-nes": regression(
        "partyid7", NES,
        " ".join(f"vector[N] {name};" for name in ["partyid7", *NES])),
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


def check(model, reference):
    """Asserts that the density is that of the reference up to a constant, and that gradients are equal."""
    offsets = []
    for probe in reference["probes"]:
        value, gradient = model.log_prob_grad(np.array(probe["unconstrained"], float))
        offsets.append(value - probe["log_density_unconstrained"])
        np.testing.assert_allclose(gradient, probe["grad_unconstrained"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(offsets, offsets[0], rtol=1e-9)


def main():
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
        data = json.loads((args.data / place / "data.json").read_text())
        if "age_discrete" in data:
            for level in (2, 3, 4):
                data[f"age{level}"] = [int(age == level) for age in data["age_discrete"]]
        mir = stanli.stan_to_mir(program)
        check(stanli.Model(mir=mir, data=data), json.loads((args.data / place / "reference.json").read_text()))
        data["__stanli"] = {"build_id": stanli.build_id(), "mir": mir, "name": name}
        (args.out / f"{name}.json").write_text(json.dumps(data))
        print(args.out / f"{name}.json")
    print(Path(stanli.__file__).parent / "_bin" / "libstanli.so")


main()
