"""Golden values for the tests of crates/autodiff, by mpmath. Takes about two minutes.

Writes crates/autodiff/tests/golden/elementary.csv, lines of `function,argument,...,value,rest`: the exact result
is `value + rest * ulp(value)`, so that an error can be told to a small part of an ulp; and slopes.csv, lines of
`function,order,argument,value,scale` with derivatives `f` of that order and `scale = |f| + |x f'|`.
Numbers are shortest round-trip doubles.
"""

import math
import random
from pathlib import Path
from statistics import NormalDist

from mpmath import mp, mpf

# 1 - 5e-324 has to be told from 1.
mp.prec = 2400
TINY = 5e-324
MAX = 1.7976931348623157e308
SPECIAL = [TINY, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-30, 1e-16, 1.1102230246251565e-16, 1e-10]


def spread(lo, hi, n):
    """n values, evenly in the logarithm, jittered so that no binade is privileged."""
    a, b = math.log(lo), math.log(hi)
    return [min(max(math.exp(a + (b - a) * (i + random.random()) / n), lo), hi) for i in range(n)]


def even(lo, hi, n):
    return [random.uniform(lo + (hi - lo) * i / n, lo + (hi - lo) * (i + 1) / n) for i in range(n)]


def both(xs):
    return [s * x for x in xs for s in (1.0, -1.0)]


def near(x, n=4):
    """x and its neighbours, close and less close."""
    out = [x]
    for i in range(n):
        up, down = x, x
        for _ in range(10**i):
            up, down = math.nextafter(up, math.inf), math.nextafter(down, -math.inf)
        out += [up, down]
    return out


def erfcx(x):
    if x > 1000:  # asymptotic series; 40 terms leave 1e-120 at most
        term, total = mpf(1), mpf(1)
        for k in range(1, 40):
            term *= -(2 * k - 1) / (2 * x * x)
            total += term
        return total / (x * mp.sqrt(mp.pi))
    return mp.exp(x * x) * mp.erfc(x)


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_ndtr(x):
    if x > 0:
        return mp.log1p(-ndtr(-x))
    return -x * x / 2 + mp.log(erfcx(-x / mp.sqrt(2)) / 2)


def lower_quantile(p):
    """x with ndtr(x) = p for p <= 1/2, by Newton's method on the logarithm."""
    if p == 0.5:
        return mpf(0)
    x = mpf(NormalDist().inv_cdf(max(float(p), 1e-300)))
    for _ in range(12):
        slope = mp.sqrt(2 / mp.pi) / erfcx(-x / mp.sqrt(2))
        x -= (log_ndtr(x) - mp.log(p)) / slope
    return x


def ndtri(p):
    return lower_quantile(p) if p <= 0.5 else -lower_quantile(1 - p)


def erfinv(y):
    return mp.sign(y) * -lower_quantile((1 - abs(y)) / 2) / mp.sqrt(2)


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log1p(mp.exp(x))


random.seed(20240607)
small = both(SPECIAL + spread(1e-9, 0.5, 20))
exp_range = even(-745.1, -700, 25) + even(-700, 709.7, 60) + even(-2, 2, 60) + near(709.782712893384) + near(-745.13)
near_one = near(1.0) + [1 + s * x for x in spread(1e-15, 0.5, 30) for s in (1, -1)] + near(2**0.5) + near(0.5**0.5)
positive = SPECIAL + spread(TINY, 1e-300, 15) + spread(1e-300, 1e300, 60) + spread(0.1, 30, 50) + [1e300, MAX]
unit = SPECIAL + spread(1e-300, 0.5, 50) + even(0.02, 0.98, 60) + [1 - x for x in spread(1.2e-16, 0.1, 30)]
logistic = small + both(even(0, 3, 30) + even(3, 40, 30) + even(40, 745, 25) + [750.0, 1e3, 1e10])
angles = both(SPECIAL + spread(1e-8, 0.7, 20) + even(0, 20, 40) + spread(20, MAX, 25))

POINTS = {
    "exp": (mp.exp, small + exp_range),
    "exp_m1": (mp.expm1, small + exp_range + both(near(math.log(2) / 2) + even(0, 1, 20))),
    "ln": (mp.log, positive + near_one),
    "ln_1p": (mp.log1p, small + positive + [x - 1 for x in near_one] + [-x for x in unit]),
    "sqrt": (mp.sqrt, positive),
    "sigmoid": (sigmoid, logistic),
    "softplus": (softplus, logistic),
    "log_sigmoid": (lambda x: -softplus(-x), logistic),
    "softplus_inv": (lambda y: mp.log(mp.expm1(y)), positive + near(math.log(2)) + even(0.1, 4, 40)),
    "log1mexp": (lambda x: mp.log1p(-mp.exp(-x)) if x > 1 else mp.log(-mp.expm1(-x)),
                 [x for x in positive if x < 745] + even(0.01, 4, 40) + even(4, 744, 30)),
    "tanh": (mp.tanh, small + both(even(0, 2, 40) + even(2, 23, 30) + [25.0, 1e5, MAX])),
    "atanh": (mp.atanh, both(unit)),
    "sin": (mp.sin, angles),
    "cos": (mp.cos, angles),
    "tan": (mp.tan, angles),
    "atan": (mp.atan, both(positive)),
    "erf": (mp.erf, small + both(even(0, 3, 60) + even(3, 7, 15) + [30.0, 1e10])),
    "erfc": (mp.erfc, small + both(even(0, 6, 60) + [26.0, 26.55]) + even(6, 26, 40) + even(26, 27.2, 15)),
    "erfcx": (erfcx, small + even(-26.6, 0, 50) + even(0, 30, 60) + spread(1, 1e300, 40) + near(1.25) + near(1 / 0.35)),
    "ndtr": (ndtr, small + even(-38.4, -36, 20) + even(-36, 0, 60) + even(-3, 3, 60) + even(0, 9, 20) + [1e3]),
    "log_ndtr": (log_ndtr, small + even(-40, 0, 60) + even(-3, 3, 60) + even(0, 38, 40) + [-x for x in spread(40, 1e150, 30)]),
    "ndtri": (ndtri, [x for x in unit if x > 1e-316] + [0.5 + x for x in both(spread(1e-15, 0.4, 30))]),
    "erfinv": (erfinv, both(unit)),
}
PAIRS = [(a, b) for a in spread(1e-300, 1e300, 15) + even(0.5, 2, 10) for b in both(spread(1e-10, 300, 6))]

def slopes(name, x):
    """The first and second derivative at x."""
    f = POINTS[name][0](x)
    root_pi, density = mp.sqrt(mp.pi), mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)
    if name in ("erf", "erfc"):
        first = (1 if name == "erf" else -1) * 2 / root_pi * mp.exp(-x * x)
        return first, -2 * x * first
    if name == "erfcx":
        first = 2 * x * f - 2 / root_pi
        return first, 2 * f + 2 * x * first
    if name == "ndtr":
        return density, -x * density
    if name == "log_ndtr":
        first = density / ndtr(x) if x > 0 else mp.sqrt(2 / mp.pi) / erfcx(-x / mp.sqrt(2))
        return first, -first * (x + first)
    if name == "ndtri":
        first = mp.sqrt(2 * mp.pi) * mp.exp(f * f / 2)
        return first, f * first**2
    first = root_pi / 2 * mp.exp(f * f)  # erfinv
    return first, 2 * f * first**2


SLOPE_POINTS = {
    "erf": [1e-200] + both(even(0.1, 25, 12)),
    "erfc": [1e-200] + both(even(0.1, 25, 12)),
    "erfcx": [1e-200] + even(-25, 0, 8) + even(0, 1, 5) + even(1, 12, 20) + spread(12, 1e100, 12),
    "ndtr": [1e-200] + both(even(0.1, 36, 12)),
    "log_ndtr": [1e-200] + even(-40, 0, 20) + even(0, 35, 15) + [-x for x in spread(40, 1e100, 12)],
    "ndtri": spread(1e-150, 0.4, 25) + even(0.1, 0.9, 15) + [1 - x for x in spread(1e-14, 0.1, 8)],
    "erfinv": [1e-200] + both(even(0.01, 0.99, 20) + [1 - x for x in spread(1e-14, 0.1, 8)]),
}


def ulps(exact):
    """The nearest double, and the rest of the exact number in its ulps; None for 0 and out of range."""
    value = float(exact)
    if value == 0 or math.isinf(value):
        return None
    return repr(value), f"{float((exact - mpf(value)) / mpf(math.ulp(value))):.3f}"


FOLDER = Path(__file__).parents[2] / "crates/autodiff/tests/golden"
with open(FOLDER / "elementary.csv", "w") as out:
    for name, (f, xs) in POINTS.items():
        for x in sorted(set(xs)):
            if result := ulps(f(mpf(x))):
                print(name, x, *result, sep=",", file=out)
    for a, b in PAIRS:
        if result := ulps(mpf(a) ** mpf(b)):
            print("powf", a, b, *result, sep=",", file=out)
with open(FOLDER / "slopes.csv", "w") as out:
    for name, xs in SLOPE_POINTS.items():
        for x in xs:
            x = mpf(x)
            first, second = slopes(name, x)
            h = abs(x) * mpf(2) ** -300
            third = (slopes(name, x + h)[1] - slopes(name, x - h)[1]) / (2 * h)
            print(name, 1, float(x), float(first), float(abs(first) + abs(x * second)), sep=",", file=out)
            print(name, 2, float(x), float(second), float(abs(second) + abs(x * third)), sep=",", file=out)
