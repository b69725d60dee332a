"""Golden KL divergences from a Normal, by mpmath at 40 digits: python3 kl_quadrature.py <folder> [table]

Writes kl_scale_mixture.csv (loc, scale, mix, scale1, scale2, KL and its five partial derivatives) and
kl_student_t.csv (loc, scale, df, prior loc, prior scale, and the same). The derivatives are integrals of the
integrand's derivatives. Every integral is by composite Gauss-Legendre rules of two orders, which must agree.
"""

import itertools
import random
import sys
from pathlib import Path

from mpmath import mp, mpf, exp, log, log1p, loggamma, pi, psi, sqrt

mp.dps = 40


def legendre(n):
    """Nodes and weights on (-1, 1), by Newton's method."""
    out = []
    for i in range(n):
        x = mp.cos(pi * (i + mpf(3) / 4) / (n + mpf(1) / 2))
        for _ in range(8):
            p, q = mpf(1), x
            for k in range(2, n + 1):
                p, q = q, ((2 * k - 1) * x * q - (k - 1) * p) / k
            d = n * (x * q - p) / (x * x - 1)
            x -= q / d
        out.append((x, 2 / ((1 - x * x) * d * d)))
    return out


RULES = legendre(24), legendre(34)


def expectation(f, loc, scale, features):
    """E f(x) for x ~ N(loc, scale), f giving a list; the pieces end at the features too."""
    lo, hi = loc - 13 * scale, loc + 13 * scale
    ends = sorted({lo + scale * k for k in range(27)} | {x for x in features if lo < x < hi})
    totals = []
    for rule in RULES:
        total = None
        for a, b in zip(ends, ends[1:]):
            half, mid = (b - a) / 2, (a + b) / 2
            for t, w in rule:
                x = mid + half * t
                z = (x - loc) / scale
                w = w * half * exp(-z * z / 2) / (scale * sqrt(2 * pi))
                v = [w * y for y in f(x, z)]
                total = v if total is None else [p + q for p, q in zip(total, v)]
        totals.append(total)
    for p, q in zip(*totals):
        assert abs(p - q) <= mpf(10) ** -18 * (1 + abs(p)), (loc, scale, p, q)
    return totals[1]


def scale_mixture(loc, scale, mix, s1, s2):
    loc, scale, mix, s1, s2 = args = [mpf(v) for v in (loc, scale, mix, s1, s2)]

    def log_p(x, z):
        n1, n2 = -((x / s1) ** 2) / 2 - log(s1), -((x / s2) ** 2) / 2 - log(s2)
        a, b = log(mix) + n1, log(1 - mix) + n2
        top = max(a, b)
        total = top + log1p(exp(min(a, b) - top))
        r1, r2 = exp(a - total), exp(b - total)
        slope = -x * (r1 / s1**2 + r2 / s2**2)
        return [
            total - log(2 * pi) / 2,
            slope,
            slope * z,
            r1 / mix - r2 / (1 - mix),
            r1 * ((x / s1) ** 2 - 1) / s1,
            r2 * ((x / s2) ** 2 - 1) / s2,
        ]

    small, large = min(s1, s2), max(s1, s2)
    weight = 1 - mix if s2 < s1 else mix
    a = log(weight * large / ((1 - weight) * small))
    b = (1 / small**2 - 1 / large**2) / 2
    features = set()
    if b > 0:
        root = sqrt(mp.mpc(a, pi) / b)
        last, step = sqrt((max(a, 0) + 90) / b), root.imag
        n = int(last / step) + 1
        features = {k * step for k in range(-n, n + 1)}
    e = expectation(log_p, loc, scale, features)
    kl = -log(scale) - (1 + log(2 * pi)) / 2 - e[0]
    return args + [kl, -e[1], -1 / scale - e[2]] + [-v for v in e[3:]]


def student_t(loc, scale, df, m, sigma):
    loc, scale, df, m, sigma = args = [mpf(v) for v in (loc, scale, df, m, sigma)]
    norm = loggamma((df + 1) / 2) - loggamma(df / 2) - log(df * pi) / 2 - log(sigma)
    norm_df = (psi(0, (df + 1) / 2) - psi(0, df / 2) - 1 / df) / 2

    def log_p(x, z):
        y = (x - m) / sigma
        q = y * y / df
        slope = -(df + 1) * y / (df * sigma * (1 + q))
        return [
            norm - (df + 1) / 2 * log1p(q),
            slope,
            slope * z,
            norm_df - log1p(q) / 2 + (df + 1) / 2 * q / (df * (1 + q)),
            -slope,
            -1 / sigma - slope * y,
        ]

    root = sigma * sqrt(df)
    features = {m}
    for k in range(120):
        d = root * (k / mpf(2) if k < 3 else mpf(1.5) ** (k - 2))
        features |= {m + d, m - d}
    e = expectation(log_p, loc, scale, features)
    kl = -log(scale) - (1 + log(2 * pi)) / 2 - e[0]
    return args + [kl, -e[1], -1 / scale - e[2]] + [-v for v in e[3:]]


def blundell():
    """The grid of Blundell et al. 2015 §5.1, with posteriors in, at and out of the narrow component."""
    for i, (mix, a, b) in enumerate(itertools.product((0.25, 0.5, 0.75), (0, 1, 2), (6, 7, 8))):
        posteriors = [(0.0, 1e-3), (0.003, 0.01), (-0.1, 0.02), (0.3, 0.05), (1.5, 0.5)]
        for loc, scale in (posteriors[i % 5], posteriors[(i + 2) % 5]):
            yield loc, scale, mix, float(exp(mpf(-a))), float(exp(mpf(-b)))


def mixtures():
    yield from blundell()
    for scale in (1e-8, 1e-4, 1e-2, 1.0, 30.0, 1e3):
        for loc in (0.0, 1e-4, 0.02, 3.0, 50.0):
            yield loc, scale, 0.4, 10.0, 1e-4
    for loc, scale in ((0.0, 0.1), (0.5, 1.0), (3.0, 0.3), (50.0, 1e3)):
        for s1, s2 in ((1.0, 1.0), (1.0, 0.999), (0.9, 1.1), (0.01, 2.0), (0.5, 0.2)):
            yield loc, scale, 0.3, s1, s2
    for mix in (1e-12, 1e-3, 0.999, 1 - 1e-12):
        for loc, scale in ((0.0, 0.02), (0.02, 0.003), (0.2, 0.1), (2.0, 1.0)):
            yield loc, scale, mix, 1.0, 0.01
    random.seed(20)
    for _ in range(60):
        s2 = 10 ** random.uniform(-4, 0)
        s1 = 10 ** random.uniform(-2, 1)
        scale = 10 ** random.uniform(-5, 2)
        loc = random.choice([min(s1, s2), max(s1, s2), scale]) * random.uniform(0, 6)
        yield loc, scale, random.uniform(0.02, 0.98), s1, s2
    # Where a wrong step or range of the rule shows most.
    yield from (
        (4.9538, 0.43648, 0.13374, 3.1486, 1.0),
        (0.55742, 1.8302, 0.58873, 1.0745, 1.0),
        (-1.9707, 0.60687, 0.98957, 2.4776, 1.0),
        (0.0, 0.69451, 0.91971, 1.5048, 1.0),
        (-5.1086, 0.43871, 0.2637, 827.18, 1.0),
        (-4.2864, 0.93953, 0.72479, 432.07, 1.0),
        (-12.688, 2.1803, 1e-12, 15.017, 1.0),
        (-5.8662, 253.96, 0.28471, 839.02, 1.0),
        (-3.2989, 1.7124, 0.333, 1.000000001, 1.0),
        (-1.2e14, 2.4e13, 1e-12, 1e14, 0.01),
        (-0.06, 99.0, 0.75, 1e60, 0.1),
        (0.0, 0.029, 0.06, 1.0, 1e100),
        (1.9, 0.6, 0.03, 1.0, 2.4),
        (0.0, 1.09, 1.5e-05, 1.0, 1.41),
    )


def students():
    for scale in (1e-8, 1e-3, 0.1, 0.7, 3.0, 40.0, 1e3, 1e6):
        for loc in (0.0, 0.5, 20.0, 1e4):
            yield loc, scale, 3.0, 0.0, 1.0
    for df in (0.5, 1.0, 2.0, 30.0, 1e4, 1e9):
        for loc, scale in ((0.3, 1e-4), (0.3, 0.9), (4.0, 2.0), (100.0, 10.0)):
            yield loc, scale, df, -0.2, 0.8
    random.seed(21)
    for _ in range(100):
        sigma = 10 ** random.uniform(-3, 2)
        yield (
            random.uniform(-5, 5) * sigma * 10 ** random.uniform(-2, 2),
            sigma * 10 ** random.uniform(-4, 3),
            10 ** random.uniform(-0.5, 3),
            random.uniform(-1, 1) * sigma,
            sigma,
        )


folder = Path(sys.argv[1])
for name, kl, cases in (
    ("kl_scale_mixture", scale_mixture, mixtures()),
    ("kl_student_t", student_t, students()),
):
    if sys.argv[2:] not in ([], [name]):
        continue
    with open(folder / f"{name}.csv", "w") as out:
        for case in cases:
            row = [repr(float(v)) for v in kl(*case)]
            print(*row, sep=",", file=out, flush=True)
