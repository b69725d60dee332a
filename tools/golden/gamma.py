"""Golden values of the gamma and beta family, by mpmath at 60 digits: python3 gamma.py > gamma.csv

Rows: function, arguments, value, partial derivatives in the order of the arguments.
Derivatives in a shape are central differences at 90 digits; some are asserted against quadrature.
"""

from mpmath import mp, mpf, inf, gamma, loggamma, psi, log, exp, quad, gammainc, betainc, beta

mp.dps = 60


def show(v):
    return repr(float(v))


def row(name, args, values):
    print(",".join([name] + [repr(float(a)) for a in args] + [show(v) for v in values]))


def difference(f, a):
    """f'(a) by a central difference: the step 1e-20 leaves an error of about 1e-40."""
    with mp.workdps(90):
        h = a * mpf(10) ** -20
        return (f(a + h) - f(a - h)) / (2 * h)


def gamma_row(a, x):
    a, x = mpf(a), mpf(x)
    density = exp((a - 1) * log(x) - x - loggamma(a))
    # By quadrature in ln t, from x away from the mean.
    side = 1 if x >= a else -1
    ends = [log(x) + side * k / mp.sqrt(a) for k in (0, 1, 2, 4, 8, 12, 16, 24, 32)]
    # Relative to the density, because the quadrature stops at an absolute error.
    tail = lambda f: side * x * density * quad(lambda u: f(u) * exp(a * (u - log(x)) - exp(u) + x), ends)
    if a > 1e7:
        mass, slope = tail(lambda u: 1), -side * tail(lambda u: u - psi(0, a))
        p, q = (1 - mass, mass) if side > 0 else (mass, 1 - mass)
    else:
        lower = lambda a: gammainc(a, 0, x, regularized=True)
        p, slope = lower(a), difference(lower, a)
        q = gammainc(a, x, inf, regularized=True)
        assert a < 9 or abs(-side * tail(lambda u: u - psi(0, a)) / slope - 1) < 1e-17, (a, x)
    row("gamma_p", (a, x), (p, slope, density))
    row("gamma_q", (a, x), (q, -slope, -density))
    row("log_gamma_p", (a, x), (log(p) if p < 0.5 else mp.log1p(-q), slope / p, density / p))
    row("log_gamma_q", (a, x), (log(q) if q < 0.5 else mp.log1p(-p), -slope / q, -density / q))


def beta_row(a, b, x):
    a, b, x = mpf(a), mpf(b), mpf(x)
    y = 1 - x
    density = exp((a - 1) * log(x) + (b - 1) * log(y)) / beta(a, b)
    # The tail itself, on either side of the mean.
    if x * (a + b) < a:
        tail, sign = lambda a, b: betainc(a, b, 0, x, regularized=True), 1
    else:
        tail, sign = lambda a, b: betainc(b, a, 0, y, regularized=True), -1
    value = tail(a, b)
    lower, upper = (value, 1 - value)[::sign]
    da = sign * difference(lambda a: tail(a, b), a)
    db = sign * difference(lambda b: tail(a, b), b)
    row("beta_inc", (a, b, x), (lower, da, db, density))
    row("beta_inc_upper", (a, b, x), (upper, -da, -db, -density))


for x in ["-7.25", "-0.5", "1e-300", "1e-8", "0.1", "0.99", "1.4616321449683622", "1.5", "2", "3.75", "9.5", "10.5", "77", "1e5", "1e15", "1e200"]:
    x = mpf(float(x))
    row("lgamma", (x,), (log(abs(gamma(x))) if x < 0 else loggamma(x), psi(0, x)))
    row("digamma", (x,), (psi(0, x), psi(1, x)))
    for n in (1, 2, 3, 6):
        if 1e-30 < abs(x) < 1e30:
            row("polygamma%d" % n, (x,), (psi(n, x), psi(n + 1, x)))

for a, b in [("1e-300", 3), ("1e-12", "0.5"), ("1e-3", "1e10"), ("0.3", "0.7"), (2, "1e-9"), (5, 6), (9.5, 200), (15, 15), (50, "1e12"), ("1e8", "3e9")]:
    a, b = mpf(float(a)), mpf(float(b))
    with mp.workdps(360):
        f = loggamma(a) + loggamma(b) - loggamma(a + b)
        row("ln_beta", (a, b), (f, psi(0, a) - psi(0, a + b), psi(0, b) - psi(0, a + b)))

for a, x in [(1e-8, 1e-3), (1e-8, 0.9), (1e-8, 3), (0.01, 1e-40), (0.3, 0.2), (0.9, 0.95), (0.5, 1), (1, 1), (1.2, 0.7), (2.5, 2), (2.5, 30), (7, 0.01), (9.9, 9.8),
             (15, 14), (15, 60), (19.9, 19), (25, 24), (25, 3), (25, 25), (300, 250), (300, 300), (300, 380), (1e4, 9900), (1e4, 10001), (1e4, 11000),
             (1e6, 999000), (1e6, 1e6), (1e6, 1003000), (1e10, 1e10 - 4e5), (1e10, 1e10 + 1e5), (1e10, 1e10 + 2e6)]:
    gamma_row(a, x)

for a, b, x in [(1e-8, 0.5, 1e-5), (1e-8, 2.5, 0.3), (0.3, 0.4, 0.2), (0.3, 0.4, 0.8), (0.001, 5, 0.9), (2.5, 1.5, 0.6), (2.5, 1.5, 0.99), (9, 1.5, 0.84), (9, 3, 0.1),
                (12, 0.5, 0.93), (12, 0.5, 0.999), (40, 0.01, 0.9), (30, 40, 0.42), (30, 40, 0.6), (0.5, 300, 0.01), (3, 1000, 0.002), (3, 1000, 0.02), (400, 600, 0.4), (400, 600, 0.35), (2000, 15, 0.99)]:
    beta_row(a, b, x)

for nu, t in [(0.1, 0.3), (2.5, -40), (12, 1e-3), (29, 1.5), (31, 1.5), (31, 30), (31, 1e5), (1e4, 0.7), (1e4, -2.99), (1e4, 3.01), (1e4, 12), (1e10, 1), (1e10, 9)]:
    nu, t = mpf(nu), mpf(t)
    log_pdf = lambda nu, u: loggamma((nu + 1) / 2) - loggamma(nu / 2) - log(nu * mp.pi) / 2 - (nu + 1) / 2 * log(1 + u * u / nu)
    # From t to the median or into the tail, relative to the density, in a variable that makes the power law smooth.
    at, scale = mp.asinh(abs(t)), log_pdf(nu, t)
    ends = mp.linspace(0, at, 12) if abs(t) < 3 else [at] + [at + mpf(2) ** j for j in range(-11, 6)]
    mass = lambda nu: quad(lambda v: exp(log_pdf(nu, mp.sinh(v)) - scale) * mp.cosh(v), ends)
    slope = difference(mass, nu)
    row("student_slope", (nu, t), (mp.sign(t) * (-slope if abs(t) < 3 else slope),))

for a, q in [(0.01, 0.3), (0.7, 1e-12), (5, 1e-200), (300, 1e-5), (1e4, 0.4)]:
    a, q = mpf(a), mpf(q)
    start = {(0.01): 1e-3, 0.7: 26.0, 5: 475.0, 300: 378.0, 1e4: 10025.0}[float(a)]
    x = mp.findroot(lambda u: log(gammainc(a, exp(u), inf, regularized=True)) - log(q), log(mpf(start)))
    row("gamma_q_inv", (a, q), (exp(x),))
