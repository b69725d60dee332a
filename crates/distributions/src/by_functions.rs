//! The traits of a family of independent entries, from functions of its value and parameters.

/// `capabilities!(Family { parameters }: ...)`: each line gives one trait of the struct from
/// generic functions. A density, a distribution function or a quantile takes `x` or `p` first and
/// then the parameters in the order of the fields; the others take the parameters.
///
/// * `at [...], [...];`: parameters at which the laws run.
/// * `density log_prob, support;` with `support` a function of `&Self`: [`Distribution`], with the
///   checks that stand beside the parameters, functions of (family, parameter, value); then
///   optionally `check function`, of `&Self`, `of_u function`, the density of the unconstrained
///   number, and `kl_of_u function`, the exact divergence from a Normal of that number.
/// * `cdf cdf, sf, log_cdf, log_sf, quantile;`
/// * `draw quantile;`: draws are that function of a uniform number, with pathwise gradients.
/// * `moments mean, variance;`
/// * `entropy entropy;`
///
/// [`Distribution`]: crate::Distribution
macro_rules! capabilities {
    ($f:ident { $($p:ident: $check:path),+ }:
        at $([$($x:expr),+]),+;
        density $log_prob:path, $support:expr $(, check $more:expr)? $(, of_u $of_u:path)? $(, kl_of_u $kl:expr)?;
        $($rest:tt)*) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct LogProb;
        impl Formula<{ 1 + <[&str]>::len(&[$(stringify!($p)),+]) }> for LogProb {
            #[inline(always)]
            fn eval<R: Real>(
                &self,
                [x, $($p),+]: [R; 1 + <[&str]>::len(&[$(stringify!($p)),+])],
            ) -> R {
                $log_prob(x, $($p),+)
            }
            fn name(&self) -> &'static str {
                concat!(stringify!($f), "LogProb")
            }
        }
        impl<V: Value> crate::Distribution<V> for $f<V> {
            const NAME: &'static str = stringify!($f);

            fn support(&self) -> Support<V> {
                let support: fn(&Self) -> Support<V> = $support;
                support(self)
            }
            fn shape(&self) -> (usize, usize) {
                super::common_shape(&[$(self.$p),+])
            }
            fn check(&self) -> Result<(), crate::ParameterError> {
                $($check(Self::NAME, stringify!($p), self.$p)?;)+
                $({
                    let more: fn(&Self) -> Result<(), crate::ParameterError> = $more;
                    more(self)?;
                })?
                Ok(())
            }
            #[track_caller]
            fn log_prob_terms(&self, x: V, terms: Terms) -> V {
                V::apply_as(terms, LogProb, [x, $(self.$p),+])
            }
            capabilities!(@of_u { $($p),+ } $($of_u)?);
            $(
                #[track_caller]
                fn kl_from_unconstrained_normal(
                    &self,
                    loc: V,
                    scale: V,
                    terms: Terms,
                ) -> Option<(V, crate::KlMethod)> {
                    let kl: fn(&Self, V, V, Terms) -> V = $kl;
                    Some((kl(self, loc, scale, terms), crate::KlMethod::Closed))
                }
            )?
            fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
                Some(crate::Sample::sample_shaped(self, cx, key, least))
            }
        }
        crate::family!($f { $($p),+ } at $([$($x),+]),+);
        capabilities!(@ $f { $($p),+ } $($rest)*);
    };
    (@of_u { $($p:ident),+ }) => {};
    (@of_u { $($p:ident),+ } $of_u:path) => {
        #[track_caller]
        fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
            V::apply_as(terms, formula!(|u, $($p),+| $of_u(u, $($p),+)), [u, $(self.$p),+])
        }
    };
    (@ $f:ident $p:tt) => {};
    (@ $f:ident { $($p:ident),+ }
        cdf $cdf:path, $sf:path, $log_cdf:path, $log_sf:path, $quantile:path; $($rest:tt)*) => {
        impl<V: Value> crate::Cdf<V> for $f<V> {
            fn cdf(&self, x: V) -> V {
                V::apply(formula!(|x, $($p),+| $cdf(x, $($p),+)), [x, $(self.$p),+])
            }
            fn sf(&self, x: V) -> V {
                V::apply(formula!(|x, $($p),+| $sf(x, $($p),+)), [x, $(self.$p),+])
            }
            fn log_cdf(&self, x: V) -> V {
                V::apply(formula!(|x, $($p),+| $log_cdf(x, $($p),+)), [x, $(self.$p),+])
            }
            fn log_sf(&self, x: V) -> V {
                V::apply(formula!(|x, $($p),+| $log_sf(x, $($p),+)), [x, $(self.$p),+])
            }
            fn quantile(&self, p: V) -> V {
                V::apply(formula!(|p, $($p),+| $quantile(p, $($p),+)), [p, $(self.$p),+])
            }
        }
        capabilities!(@ $f { $($p),+ } $($rest)*);
    };
    (@ $f:ident { $($p:ident),+ } draw $draw:path; $($rest:tt)*) => {
        impl<V: Value> crate::Sample<V> for $f<V> {
            fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
                let args = [$(Draw::Value(self.$p),)+ Draw::Uniform(key)];
                V::draw(cx, formula!(|$($p,)+ u| $draw(u, $($p),+)), args, least)
            }
        }
        impl<V: Value> crate::Reparameterized<V> for $f<V> {}
        crate::random::rand_draws!($f, |d, rng| $draw(crate::random::uniform(rng), $(d.$p),+));
        capabilities!(@ $f { $($p),+ } $($rest)*);
    };
    (@ $f:ident { $($p:ident),+ } moments $mean:path, $variance:path; $($rest:tt)*) => {
        impl<V: Value> crate::Moments<V> for $f<V> {
            fn mean(&self) -> V {
                V::apply(formula!(|$($p),+| $mean($($p),+)), [$(self.$p),+])
            }
            fn variance(&self) -> V {
                V::apply(formula!(|$($p),+| $variance($($p),+)), [$(self.$p),+])
            }
        }
        capabilities!(@ $f { $($p),+ } $($rest)*);
    };
    (@ $f:ident { $($p:ident),+ } entropy $entropy:path; $($rest:tt)*) => {
        impl<V: Value> crate::Entropy<V> for $f<V> {
            fn entropy(&self) -> V {
                V::apply(formula!(|$($p),+| $entropy($($p),+)), [$(self.$p),+])
            }
        }
        capabilities!(@ $f { $($p),+ } $($rest)*);
    };
}
pub(crate) use capabilities;

/// `divergence!(Q { parameters } || P { parameters }, function);`: the closed KL divergence by a
/// function of the parameters of both. The names of all parameters differ.
macro_rules! divergence {
    ($q:ident { $($a:ident = $x:ident),+ } || $p:ident { $($b:ident = $y:ident),+ }, $kl:path) => {
        impl<V: Value> crate::KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: crate::KlMethod = crate::KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                V::apply_as(terms, formula!(|$($x,)+ $($y),+| $kl($($x,)+ $($y),+)), [$(self.$a,)+ $(p.$b),+])
            }
        }
    };
}
pub(crate) use divergence;

/// A number from 0 to 1 as it is, the nearest number between them where rounding has taken it to an
/// end.
#[inline(always)]
pub(crate) fn inside_unit<R: probity_autodiff::Real>(z: R) -> R {
    let single = R::is_single();
    let (least, most) = if single {
        (f64::from(f32::MIN_POSITIVE), 1.0 - f64::from(f32::EPSILON) / 2.0)
    } else {
        (f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
    };
    if z < least {
        R::of(least)
    } else if z > most {
        R::of(most)
    } else {
        z
    }
}
