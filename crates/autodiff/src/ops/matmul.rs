//! Matrix products.

use super::reduce::{add, column_sums};
use super::relu::{mask, mask_in_place};
use crate::kernel::gemm::{Masked, Mat, ToColumn, affine, backward_column, gemm};
use crate::real::Scalar;
use crate::tape::{Adjoints, FastOp, Inputs, Op, Var, backward_by_lane, built_in, forward_by_lane};

/// `op(A) op(B)`, each operand transposed or not.
#[derive(Clone, Copy, Debug)]
struct MatMul {
    ta: bool,
    tb: bool,
}

fn mat<'a, T: Scalar>(x: &Inputs<'a, T>, k: usize, transposed: bool) -> Mat<'a, T> {
    let (rows, cols) = x.shape(k);
    Mat { data: x.get(k), rows, cols, transposed }
}

built_in!(MatMul);

impl<T: Scalar> Op<T> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        gemm(y, mat(x, 0, self.ta), mat(x, 1, self.tb), true);
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (a, b) = (mat(x, 0, self.ta), mat(x, 1, self.tb));
        let g = Mat { data: g, rows: a.shape().0, cols: b.shape().1, transposed: false };
        // With Y = A B: dA = G Bᵀ, dB = Aᵀ G; a stored transpose receives the transpose of that.
        dx.accumulate(
            0,
            |to, overwrite| {
                if self.ta { gemm(to, b, g.t(), overwrite) } else { gemm(to, g, b.t(), overwrite) }
            },
        );
        dx.accumulate(
            1,
            |to, overwrite| {
                if self.tb { gemm(to, g.t(), a, overwrite) } else { gemm(to, a.t(), g, overwrite) }
            },
        );
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<T: Scalar> FastOp<T> for MatMul {
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        match side_by_side(x, 1).filter(|_| !self.tb) {
            Some(b) => gemm(y, mat(x, 0, self.ta), b, true),
            None => forward_by_lane(self, x, y),
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let Some(b) = side_by_side(x, 1).filter(|_| !self.tb) else {
            return backward_by_lane(self, x, y, g, dx);
        };
        let a = mat(x, 0, self.ta);
        let g = Mat { data: g, rows: a.shape().0, cols: b.cols, transposed: false };
        dx.accumulate(
            0,
            |to, overwrite| {
                if self.ta { gemm(to, b, g.t(), overwrite) } else { gemm(to, g, b.t(), overwrite) }
            },
        );
        dx.accumulate_lanes(1, |to, overwrite| gemm(to, a.t(), g, overwrite));
    }
}

/// The matrices of all lanes side by side, if argument `k` has lanes and argument 0 is the same in
/// all: then one product computes all lanes.
fn side_by_side<'a, T: Scalar>(x: &Inputs<'a, T>, k: usize) -> Option<Mat<'a, T>> {
    let (rows, cols) = x.shape(k);
    let one = x.is_per_lane(k) && !x.is_per_lane(0);
    one.then(|| Mat { data: x.all_lanes(k), rows, cols: cols * x.lanes(), transposed: false })
}

/// `X W + 1 b`: n × k by k × m, and a row of m; with a ReLU or without.
#[derive(Clone, Copy, Debug)]
struct Affine {
    relu: bool,
}

built_in!(Affine);

impl<T: Scalar> Op<T> for Affine {
    fn name(&self) -> &'static str {
        if self.relu { "affine + relu" } else { "affine" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        affine(y, mat(x, 0, false), mat(x, 1, false), x.get(2), self.relu);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.backward_affine(mat(x, 0, false), mat(x, 1, false), y, g, dx, false);
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<T: Scalar> FastOp<T> for Affine {
    fn backward_in_place(&self, x: &Inputs<'_, T>, y: &[T], g: &mut [T], dx: &mut Adjoints<'_, T>) {
        let (a, w) = (mat(x, 0, false), mat(x, 1, false));
        let sums = dx.take_masked_sums();
        if self.relu && sums.is_none() {
            mask_in_place(y, g);
        }
        backward_linear(a, w, g, sums.as_deref(), dx, false);
        if let Some(sums) = sums {
            dx.put_masked_sums(sums);
        }
    }

    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        match side_by_side(x, 1).filter(|_| x.is_per_lane(2)) {
            Some(w) => affine(y, mat(x, 0, false), w, x.all_lanes(2), self.relu),
            None => forward_by_lane(self, x, y),
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        match side_by_side(x, 1).filter(|_| x.is_per_lane(2)) {
            Some(w) => self.backward_affine(mat(x, 0, false), w, y, g, dx, true),
            None => backward_by_lane(self, x, y, g, dx),
        }
    }
}

impl Affine {
    /// The backward rule, of one lane or of all, whose weights stand side by side.
    fn backward_affine<T: Scalar>(
        self,
        a: Mat<'_, T>,
        w: Mat<'_, T>,
        y: &[T],
        g: &[T],
        dx: &mut Adjoints<'_, T>,
        all: bool,
    ) {
        if !self.relu {
            return backward_linear(a, w, g, None, dx, all);
        }
        let mut masked = dx.take_scratch(g.len());
        mask(y, g, &mut masked, true);
        backward_linear(a, w, &masked, None, dx, all);
        dx.put_scratch(masked);
    }
}

/// The backward rule of `X W + 1 b`. The sums of the columns of the adjoint may be known.
fn backward_linear<T: Scalar>(
    a: Mat<'_, T>,
    w: Mat<'_, T>,
    g: &[T],
    sums: Option<&[T]>,
    dx: &mut Adjoints<'_, T>,
    all: bool,
) {
    dx.accumulate_in(2, all, |to, overwrite| match sums {
        Some(sums) if overwrite => to.copy_from_slice(sums),
        Some(sums) => add(to, sums),
        None => column_sums(g, a.rows, to, overwrite),
    });
    if w.cols == 1
        && let Some((h, sums)) = dx.masked(0)
    {
        let to = Masked { w: dx.shared(1), h, sums };
        return backward_column(ToColumn { h: a.data, w: w.data, g }, to);
    }
    let g = Mat { data: g, rows: a.rows, cols: w.cols, transposed: false };
    dx.accumulate_in(1, all, |to, overwrite| gemm(to, a.t(), g, overwrite));
    dx.accumulate(0, |to, overwrite| gemm(to, g, w.t(), overwrite));
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `X W + b`: n × k by k × m, with the row `b` (1 × m) added to every row, as one node.
    ///
    /// # Panics
    /// If the inner sizes differ, or `b` is not 1 × m.
    #[track_caller]
    pub fn affine(self, weight: Self, bias: Self) -> Self {
        self.affine_map(weight, bias, false)
    }

    /// `max(X W + b, 0)`: a layer with a ReLU as one node, in fewer passes over its outputs than
    /// [`affine`](Var::affine) and [`relu`](Var::relu) take one after the other.
    ///
    /// # Panics
    /// As `affine`.
    #[track_caller]
    pub fn affine_relu(self, weight: Self, bias: Self) -> Self {
        self.affine_map(weight, bias, true)
    }

    #[track_caller]
    fn affine_map(self, weight: Self, bias: Self, relu: bool) -> Self {
        let ((n, k), (k2, m), b) = (self.shape(), weight.shape(), bias.shape());
        assert!(
            k == k2 && b == (1, m),
            "affine: {n} × {k} by {k2} × {m}, and a row of {} × {} (wanted: 1 × {m})",
            b.0,
            b.1
        );
        match self.tape().or(weight.tape()).or(bias.tape()) {
            Some(tape) if relu => tape.record_relu(Affine { relu }, &[self, weight, bias], (n, m)),
            Some(tape) => tape.record_own(Affine { relu }, &[self, weight, bias], n, m),
            None if relu => (self * weight + bias).relu(),
            None => self * weight + bias,
        }
    }

    #[track_caller]
    fn product(self, other: Self, ta: bool, tb: bool) -> Self {
        let (a, b) = (self.shape(), other.shape());
        let ((m, k), (k2, n)) = (if ta { (a.1, a.0) } else { a }, if tb { (b.1, b.0) } else { b });
        let (at, bt) = (if ta { "ᵀ" } else { "" }, if tb { "ᵀ" } else { "" });
        assert!(k == k2, "matmul: inner sizes differ: ({} × {}){at} by ({} × {}){bt}", a.0, a.1, b.0, b.1);
        match self.tape().or(other.tape()) {
            Some(tape) => tape.record_own(MatMul { ta, tb }, &[self, other], m, n),
            None => self * other,
        }
    }

    /// `A B`: n × k by k × m.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[track_caller]
    pub fn matmul(self, other: Self) -> Self {
        self.product(other, false, false)
    }

    /// `Aᵀ B`: k × n by k × m.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[track_caller]
    pub fn tr_matmul(self, other: Self) -> Self {
        self.product(other, true, false)
    }

    /// `A Bᵀ`: n × k by m × k.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[track_caller]
    pub fn matmul_tr(self, other: Self) -> Self {
        self.product(other, false, true)
    }

    /// `Aᵀ Bᵀ`: k × n by m × k.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[track_caller]
    pub fn tr_matmul_tr(self, other: Self) -> Self {
        self.product(other, true, true)
    }
}
