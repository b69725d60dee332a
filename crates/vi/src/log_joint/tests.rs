use super::*;
use crate::scope::Scope;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, HalfNormal, Normal};

/// `ln p(z) = ln p(x) + n ln scale` where `x = loc + scale z`; the site has a fixed neighbour, and
/// one whose scale is data.
#[test]
fn a_non_centred_density_is_that_of_the_standardised_numbers() {
    let sds = [0.5, 2.0];
    let model = |s: &mut Scope<'_>| {
        let loc = s.sample("loc", Normal::new(0.0, 3.0))?;
        let scale = s.sample("scale", HalfNormal::new(1.0))?;
        let x = s.sample("x", Normal::new(loc, scale).shaped(2, 3))?;
        let known = s.sample("known", Normal::new(0.0, s.data(&sds)))?;
        s.observe("y", Normal::new(x + known, 0.5), &DMatrix::from_element(2, 3, 0.7))
    };
    let found = discover(&model, Key::new(0)).unwrap();
    assert_eq!(found.scaled, [2]);
    let mut centred = LogJoint::new(model).unwrap();
    let mut other = centred.clone().non_centred(&found.scaled);
    let z = [0.4, -0.8, 1.0, -0.5, 0.3, 2.0, -1.2, 0.1, 0.2, -0.6];
    let mut x = z;
    other.centre(&mut x).unwrap();
    let scale = (-0.8_f64).exp();
    assert_eq!((x[0], x[1], x[8], x[9]), (z[0], z[1], z[8], z[9]));
    (2..8).for_each(|i| assert!((x[i] - (0.4 + scale * z[i])).abs() < 1e-15));
    let (of_z, of_x) = (other.value(&z).unwrap(), centred.value(&x).unwrap());
    assert!((of_z - (of_x + 6.0 * scale.ln())).abs() < 1e-12, "{of_z} {of_x}");
    // And its gradient, by differences.
    let mut gradient = [0.0; 10];
    other.gradient(&z, &mut gradient).unwrap();
    for i in 0..10 {
        let at = |h: f64| {
            let mut z = z;
            z[i] += h;
            z
        };
        let (up, down) = (other.value(&at(1e-5)).unwrap(), other.value(&at(-1e-5)).unwrap());
        assert!((gradient[i] - (up - down) / 2e-5).abs() < 1e-7, "{i}");
    }
}
