"""Golden second derivatives in the shapes of the gamma and beta family, by mpmath at 90 digits: python3 gamma_second.py > gamma_second.csv

Rows: function, arguments, then the first derivatives in the shapes, then the second (aa, ab, bb where there are two shapes).
Central differences with steps of 1e-22: the error is about 1e-44 of the largest part, and tails are kept above 1e-12.
"""

from mpmath import mp, mpf, gammainc, betainc

mp.dps = 90
H = mpf(10) ** -22


def row(name, args, f, shapes):
    args = [mpf(float(x)) for x in args]
    assert min(f(*args), 1 - f(*args)) > 1e-12, (name, args)
    step = [abs(x) * H for x in args]
    at = lambda *moves: f(*[x + m * h for x, m, h in zip(args, list(moves) + [0] * 3, step)])
    if shapes == 1:
        low, mid, high = at(-1), at(0), at(1)
        values = [(high - low) / (2 * step[0]), (high - 2 * mid + low) / step[0] ** 2]
    else:
        mid = at(0, 0)
        a, b = [at(-1, 0), at(1, 0)], [at(0, -1), at(0, 1)]
        mixed = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * step[0] * step[1])
        values = [(a[1] - a[0]) / (2 * step[0]), (b[1] - b[0]) / (2 * step[1]),
                  (a[1] - 2 * mid + a[0]) / step[0] ** 2, mixed, (b[1] - 2 * mid + b[0]) / step[1] ** 2]
    print(",".join([name] + [repr(float(x)) for x in args + values]))


for a, x in [(1e-4, 1e-3), (1e-4, 1.2), (0.05, 1e-3), (0.3, 0.2), (0.3, 2.5), (0.9, 0.95), (1, 1), (2.5, 2), (2.5, 9), (7, 0.3), (9.9, 9.8), (9.9, 3), (15, 14), (15, 45),
             (19.9, 19), (25, 25), (30, 25), (30, 31), (60, 21), (300, 250), (300, 300), (300, 380), (1860, 1862), (1e4, 9900), (1e4, 1.01e4)]:
    row("gamma_p", (a, x), lambda a, x: gammainc(a, 0, x, regularized=True), 1)

for a, b, x in [(1e-4, 1.5, 0.9), (0.3, 2, 0.2), (0.3, 0.4, 0.8), (0.5, 300, 0.01), (2.5, 4, 0.3), (2.5, 4, 0.7), (3, 7, 0.2), (9, 3, 0.1), (9, 3, 0.9), (12, 0.5, 0.93),
                (30, 50, 0.3), (30, 50, 0.375), (30, 50, 0.4), (40, 8.5, 0.8), (400, 600, 0.41), (2000, 15, 0.99)]:
    row("beta_inc", (a, b, x), lambda a, b, x: betainc(a, b, 0, x, regularized=True), 2)

for df, t in [(0.05, -3), (0.5, -0.2), (1, -40), (2.5, -1e-2), (4, -0.6), (29, -2), (31, -2), (60, -1.5), (500, -0.1), (1e4, -9e-3), (1e4, -4)]:
    row("student_t", (df, t), lambda df, t: betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2, 1)
