//! Quantiles by the root of a distribution function, on any kind of values.

use crate::distribution::Cdf;
use crate::lift::next_point;
use probity_autodiff::{Value, formula};

/// The `x` between `low` and `high` with `P(X <= x) = p`, entry by entry, by Newton's method and
/// halving; of counts the first at which the distribution function reaches `p`. With the implicit
/// gradient; of counts without one.
pub(crate) fn quantile_between<V: Value, D: Cdf<V>>(d: &D, p: V, [low, high]: [V; 2]) -> V {
    // Every entry has ends of its own, and the derivatives come in the end. An end of the
    // distribution may be infinite, with nothing to halve.
    let end = formula!(|x, other, p, at| {
        let nan = x.re().is_nan() || other.re().is_nan() || p.re().is_nan();
        let x = if p == at { other.re() } else { x.re() };
        R::of(if nan { f64::NAN } else { x })
    });
    let (one, zero) = (V::from(1.0), V::from(0.0));
    let (mut low, mut high) = (V::apply(end, [low, high, p, one]), V::apply(end, [high, low, p, zero]));
    let discrete = d.support().is_discrete();
    let middle = formula!(|low, high, whole| {
        let (a, b) = (low.re(), high.re());
        let x = if a == b { a } else { a + 0.5 * (b - a) };
        R::of(if whole == 0.0 { x } else { x.floor() })
    });
    let whole = V::from(f64::from(u8::from(discrete)));
    let mut x = V::apply(middle, [low, high, whole]);
    // Lengths of the last step, and of the one before it.
    let (mut last, mut before) = (V::from(f64::INFINITY), V::from(f64::INFINITY));
    // By the smaller tail: what lies below the goal is negative.
    let miss = formula!(|below, above, p| R::of({
        let p = p.re();
        if p < 0.5 { below.re() - p } else { (1.0 - p) - above.re() }
    }));
    for _ in 0..200 {
        let miss = V::apply(miss, [d.cdf(x), d.sf(x), p]);
        if discrete {
            let up = formula!(|low, x, miss| R::of(if miss < 0.0 { x.re() + 1.0 } else { low.re() }));
            let down = formula!(|high, x, miss| R::of(if miss >= 0.0 { x.re() } else { high.re() }));
            (low, high) = (V::apply(up, [low, x, miss]), V::apply(down, [high, x, miss]));
            let open = formula!(|low, high| R::of(high.re() - low.re()));
            if V::apply(open, [low, high]).find(|left| left > 0.0).is_none() {
                return low;
            }
            x = V::apply(middle, [low, high, whole]);
            continue;
        }
        let up = formula!(|low, x, miss| R::of(if miss < 0.0 { x.re() } else { low.re() }));
        let down = formula!(|high, x, miss| R::of(if miss > 0.0 { x.re() } else { high.re() }));
        (low, high) = (V::apply(up, [low, x, miss]), V::apply(down, [high, x, miss]));
        let next = formula!(|x, miss, log_p, low, high, last, before| {
            let (at, miss) = (x.re(), miss.re());
            let bounds = [low.re(), high.re()];
            R::of(if miss == 0.0 || miss.is_nan() || bounds[0] >= bounds[1] {
                at
            } else {
                next_point(at, (miss, log_p.re().exp()), bounds, [last.re(), before.re()], 0.0)
            })
        });
        let next = V::apply(next, [x, miss, d.log_prob(x), low, high, last, before]);
        let step = V::apply(formula!(|x, next| R::of((next.re() - x.re()).abs())), [x, next]);
        (before, last) = (last, step);
        let moved = formula!(|step, next| R::of(step.re() - f64::EPSILON * next.re().abs()));
        let still = V::apply(moved, [step, next]).find(|moved| moved > 0.0).is_none();
        x = next;
        if still {
            break;
        }
    }
    if discrete {
        return x;
    }
    let implicit = formula!(|x, below, above, p, log_p| {
        let density = R::of(log_p.re()).exp();
        let moved = if below < above { below - below.re() } else { -(above - above.re()) };
        // An end of the support has no density and no slope.
        let slope = (moved - (p - p.re())) / density;
        if density > 0.0 { x - slope } else { x }
    });
    V::apply(implicit, [x, d.cdf(x), d.sf(x), p, d.log_prob(x)])
}
