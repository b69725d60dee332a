//! Values and derivatives against the reference tables, where the environment names them.

use crate::common::check;
use probity_autodiff::Real;

macro_rules! conform {
    ($($test:ident: $table:literal, $c:expr, $f:expr;)*) => {$(
        #[test]
        fn $test() {
            check($table, $c, $f);
        }
    )*};
}

conform! {
    erf: "erf", 4.0, |x| x[0].erf();
    erfc: "erfc", 4.0, |x| x[0].erfc();
    erfcx: "erfcx", 4.0, |x| x[0].erfcx();
    erfinv: "erfinv", 4.0, |x| x[0].erfinv();
    ndtr: "ndtr", 4.0, |x| x[0].ndtr();
    ndtri: "ndtri", 4.0, |x| x[0].ndtri();
    log_ndtr: "log_ndtr", 4.0, |x| x[0].log_ndtr();
    log_sigmoid: "log_sigmoid", 4.0, |x| x[0].log_sigmoid();
    log1mexp: "log1mexp", 4.0, |x| x[0].log1mexp();
    ln_1p: "log1p", 4.0, |x| x[0].ln_1p();
    exp_m1: "expm1", 4.0, |x| x[0].exp_m1();
    sigmoid: "sigmoid", 4.0, |x| x[0].sigmoid();
    softplus: "softplus", 4.0, |x| x[0].softplus();
    softplus_inv: "softplus_inverse", 4.0, |x| x[0].softplus_inv();
    xlogy: "xlogy", 4.0, |x| x[0].xlogy(x[1]);
    log_add_exp: "logaddexp", 4.0, |x| x[0].log_add_exp(x[1]);
    atanh: "atanh", 4.0, |x| x[0].atanh();
}
