//! Functions on a tape's elements that are compiled once, in the crate that defines them.
//!
//! The compiler translates a generic function in every crate that uses it, for each type that it is
//! used with. Nearly every program uses this library with `f64` or `f32`: the bodies below
//! [`precompiled!`](crate::precompiled) are translated for these two here, and a program only calls
//! them.

use super::Scalar;

/// A function that is generic in [`Scalar`], as a type, so that [`Scalar::call`] can choose the
/// translation for the element at hand.
#[doc(hidden)]
pub trait Precompiled {
    type Args<'a, 'b: 'a, T: Scalar>;
    type Output<'a, 'b: 'a, T: Scalar>;
    fn on_f64<'a, 'b: 'a>(args: Self::Args<'a, 'b, f64>) -> Self::Output<'a, 'b, f64>;
    fn on_f32<'a, 'b: 'a>(args: Self::Args<'a, 'b, f32>) -> Self::Output<'a, 'b, f32>;
    /// On any element, translated where it is used.
    fn on<'a, 'b: 'a, T: Scalar>(args: Self::Args<'a, 'b, T>) -> Self::Output<'a, 'b, T>;
}

/// `precompiled! { fn name<T>(arguments) -> Result { body } }`: a function that is generic in one
/// [`Scalar`](crate::Scalar) `T`, and translated for `f64` and `f32` in this crate. Its types may
/// name the lifetimes `'a` and `'b`, of which `'b` is the longer one.
#[doc(hidden)]
#[macro_export]
macro_rules! precompiled {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $crate::precompiled! { @f32 never; $(#[$meta])* $vis fn $($rest)* }
    };
    // With `always`, that for `f32` is translated only where it is used.
    (@f32 $f32:ident;
        $(#[$meta:meta])* $vis:vis fn $name:ident<T>($($arg:ident: $ty:ty),* $(,)?) -> $out:ty $body:block
    ) => {
        $(#[$meta])*
        #[track_caller]
        #[inline]
        #[allow(clippy::needless_lifetimes, clippy::too_many_arguments, clippy::extra_unused_lifetimes)]
        $vis fn $name<'a, 'b: 'a, T: $crate::Scalar>($($arg: $ty),*) -> $out {
            enum Body {}
            #[allow(unused_mut, clippy::type_complexity)]
            impl $crate::real::Precompiled for Body {
                type Args<'a, 'b: 'a, T: $crate::Scalar> = ($($ty,)*);
                type Output<'a, 'b: 'a, T: $crate::Scalar> = $out;
                #[track_caller]
                #[inline(never)]
                fn on_f64<'a, 'b: 'a>(args: Self::Args<'a, 'b, f64>) -> Self::Output<'a, 'b, f64> {
                    Self::on::<f64>(args)
                }
                #[track_caller]
                #[inline($f32)]
                fn on_f32<'a, 'b: 'a>(args: Self::Args<'a, 'b, f32>) -> Self::Output<'a, 'b, f32> {
                    Self::on::<f32>(args)
                }
                #[track_caller]
                fn on<'a, 'b: 'a, T: $crate::Scalar>(($($arg,)*): Self::Args<'a, 'b, T>) -> Self::Output<'a, 'b, T> {
                    $body
                }
            }
            T::call::<Body>(($($arg,)*))
        }
    };
}
