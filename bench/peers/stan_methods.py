"""Stan's Pathfinder and ADVI, with CmdStan's default settings, for posteriors.py --methods stan-...

The package httpstan carries the sources of Stan (4.13 those of Stan 2.35) and its compiler of programs; a C++ compiler (g++) must be
there. Stan's own code is what runs: stan_driver.cpp only calls it, and counts evaluations of the density with a gradient and
without. Its parts are compiled as CmdStan compiles them, with -O3: once for all posteriors the driver and a precompiled header,
then every program of stan_side.py by itself. The seconds of compilation are those of the program: translation, compiler and linker.
What has been compiled stays in the folder.

  stan-pathfinder   one path of L-BFGS (5 pairs), 25 draws for every ELBO, 1000 draws
  stan-multipath    four paths, 4 x 1000 draws, of which Stan resamples 1000 by smoothed importance weights
  stan-meanfield, stan-fullrank   ADVI: one draw a step, the step size chosen from five, at most 10 000 steps, 1000 draws

Seconds are the processor's for the whole process: it reads the data, runs, and writes its draws as text. k-hat is that of the draws
before they are resampled, computed as Stan does, from the log densities that it writes.
"""
import importlib.util
import json
import resource
import subprocess
from pathlib import Path

import numpy as np

import stan_side

DRAWS = 1000
FLAGS = ["-std=c++17", "-O3", "-w", "-DBOOST_DISABLE_ASSERTS", "-DBOOST_PHOENIX_NO_VARIADIC_EXPRESSION", "-DSTAN_THREADS",
         "-D_REENTRANT", "-D_GLIBCXX_USE_CXX11_ABI=0"]
LIBRARIES = ["tbb", "sundials_cvodes", "sundials_idas", "sundials_nvecserial"]
SERVICES = {"stan-pathfinder": "pathfinder", "stan-multipath": "multipath", "stan-meanfield": "meanfield",
            "stan-fullrank": "fullrank"}
PROGRAMS = {place.split("/")[1]: program for place, program in stan_side.PROGRAMS.items()}


def timed(*command):
    """What a process prints and the seconds of the processor that it took, with all that it started."""
    def so_far():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    begin = so_far()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-400:]}")
    return done, so_far() - begin


class Build:
    """Compiled posteriors in a folder."""

    def __init__(self, folder):
        found = importlib.util.find_spec("httpstan")  # Only its files are used, so that it need not be able to run.
        if found is None:
            raise RuntimeError("Stan's methods need the package httpstan")
        self.stan = Path(found.submodule_search_locations[0])
        self.folder = folder.resolve()
        (self.folder / "stan" / "model").mkdir(parents=True, exist_ok=True)
        self.include = ["-I", self.folder, "-I", self.stan / "include"]

    def object(self, source, target, *options):
        return timed("g++", *FLAGS, *self.include, *options, "-c", source, "-o", target)[1]

    def common(self):
        """The driver and the header that all models share."""
        driver = self.folder / "driver.o"
        if not driver.exists():
            self.object(self.stan / "include/stan/model/model_header.hpp", self.folder / "stan/model/model_header.hpp.gch", "-x", "c++-header")
            self.object(Path(__file__).with_name("stan_driver.cpp"), driver)
        return driver

    def model(self, name, data, reference):
        """The program of a posterior, compiled, the file of its data, and the seconds that it took."""
        driver, at = self.common(), self.folder / name
        program, record = at.with_suffix(".stan"), at.with_suffix(".seconds")
        if not record.exists() or program.read_text() != PROGRAMS[name]:
            program.write_text(PROGRAMS[name])
            record.unlink(missing_ok=True)
            _, seconds = timed(self.stan / "stanc", "--name=posterior", f"--o={at}.hpp", program)
            seconds += self.object(f"{at}.hpp", f"{at}.o", "-x", "c++")
            libraries = self.stan / "lib"
            seconds += timed("g++", driver, f"{at}.o", f"-L{libraries}", f"-Wl,-rpath,{libraries}",
                             *(f"-l{library}" for library in LIBRARIES), "-o", at)[1]
            record.write_text(f"{seconds:.3f}\n")
        values = at.with_suffix(".data.json")
        values.write_text(json.dumps(stan_side.with_levels(data)))
        stan_side.check(lambda x: self.log_prob_grad(at, values, x), reference)
        return at, values, float(record.read_text())

    def log_prob_grad(self, model, values, x):
        points = self.folder / "point.txt"
        points.write_text(" ".join(map(repr, map(float, x))))
        answer, _ = timed(model, "gradient", values, points, 0, 0)
        value, *gradient = map(float, answer.stdout.split())
        return value, np.array(gradient)


def table(path):
    """The columns that Stan wrote, by name."""
    lines = [line.split(",") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return lines[0], np.array(lines[1:], float)


def k_hat(log_ratios):
    """The shape of the generalised Pareto distribution (Zhang, Stephens 2009) of the largest importance weights."""
    n = len(log_ratios)
    tail = int(min(0.2 * n, 3 * n**0.5))
    largest = np.sort(log_ratios - log_ratios.max())[-tail - 1:]
    x = np.exp(largest[1:]) - np.exp(largest[0])
    grid = 30 + int(tail**0.5)
    quartile = x[int(tail / 4 + 0.5) - 1]
    theta = 1 / x[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile)
    k = np.log1p(-theta[:, None] * x).mean(axis=1)
    profile = tail * (np.log(-theta / k) - k - 1)
    weights = np.exp(profile - profile.max())
    k = np.log1p(-(theta @ weights / weights.sum()) * x).mean()
    return float(k * tail + 5) / (tail + 10)


def run(method, name, data, reference, folder, seed, draws=DRAWS):
    """Draws by site, gradients, seconds of compilation, seconds of the method; then k-hat and evaluations without a gradient."""
    build = Build(folder)
    model, values, compilation = build.model(name, data, reference)
    service, out = SERVICES[method], folder.resolve() / f"{name}.csv"

    def columns(service):
        answer, seconds = timed(model, service, values, out, seed, draws)
        counts = json.loads(answer.stdout.splitlines()[-1])
        if counts["code"]:
            raise RuntimeError(answer.stderr.strip().splitlines()[-1])
        names, rows = table(out)
        advi = "log_g__" in names
        density, approximation = (names.index(c) for c in (("log_p__", "log_g__") if advi else ("lp__", "lp_approx__")))
        rows = rows[1:] if advi else rows  # ADVI's first row is the mean.
        first = sum(c.endswith("__") for c in names)
        return rows[:, first:], rows[:, density] - rows[:, approximation], counts, seconds

    found, log_ratios, counts, seconds = columns(service)
    if service == "multipath":
        log_ratios = columns("pooled")[1]
    sites = {}
    for column, parameter in zip(found.T, reference["unconstrained"]["names"], strict=True):
        sites.setdefault(parameter.split("[")[0], []).append(column)
    sites = {site: np.stack(columns, 1) for site, columns in sites.items()}
    if "theta_trans" in sites:
        sites["theta"] = sites["mu"] + sites["tau"] * sites["theta_trans"]
    return sites, counts["gradients"], compilation, seconds, {"k_hat": k_hat(log_ratios), "densities": counts["densities"]}
