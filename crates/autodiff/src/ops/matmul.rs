//! Matrix products.

use super::reduce::{add, column_sums};
use super::relu::{keep_slopes, slopes};
use crate::kernel::gemm::{Back, Mat, ToColumn, affine, gemm, passed};
use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Op, Var, back_lane_by_lane, lane_by_lane};

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
        dx.add(0, |to, fresh| if self.ta { gemm(to, b, g.t(), fresh) } else { gemm(to, g, b.t(), fresh) });
        dx.add(1, |to, fresh| if self.tb { gemm(to, g.t(), a, fresh) } else { gemm(to, a.t(), g, fresh) });
    }

    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        match side_by_side(x, 1).filter(|_| !self.tb) {
            Some(b) => gemm(y, mat(x, 0, self.ta), b, true),
            None => lane_by_lane(self, x, y),
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let Some(b) = side_by_side(x, 1).filter(|_| !self.tb) else {
            return back_lane_by_lane(self, x, y, g, dx);
        };
        let a = mat(x, 0, self.ta);
        let g = Mat { data: g, rows: a.shape().0, cols: b.cols, transposed: false };
        dx.add(0, |to, fresh| if self.ta { gemm(to, b, g.t(), fresh) } else { gemm(to, g, b.t(), fresh) });
        dx.add_all(1, |to, fresh| gemm(to, a.t(), g, fresh));
    }
}

/// The matrices of all lanes side by side, if argument `k` has lanes and argument 0 is the same in all: one product does for them.
fn side_by_side<'a, T: Scalar>(x: &Inputs<'a, T>, k: usize) -> Option<Mat<'a, T>> {
    let (rows, cols) = x.shape(k);
    let one = x.is_laned(k) && !x.is_laned(0);
    one.then(|| Mat { data: x.all(k), rows, cols: cols * x.lanes(), transposed: false })
}

/// `X W + 1 b`: n × k by k × m, and a row of m; rectified or not.
#[derive(Clone, Copy, Debug)]
struct Affine {
    relu: bool,
}

impl<T: Scalar> Op<T> for Affine {
    fn name(&self) -> &'static str {
        if self.relu { "affine + relu" } else { "affine" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        affine(y, mat(x, 0, false), mat(x, 1, false), x.get(2), self.relu);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.back(mat(x, 0, false), mat(x, 1, false), y, g, dx, false);
    }

    fn backward_in_place(&self, x: &Inputs<'_, T>, y: &[T], g: &mut [T], dx: &mut Adjoints<'_, T>) {
        let (a, w) = (mat(x, 0, false), mat(x, 1, false));
        let sums = dx.take_sums();
        if self.relu && sums.is_none() {
            keep_slopes(y, g);
        }
        back_linear(a, w, g, sums.as_deref(), dx, false);
        if let Some(sums) = sums {
            dx.put_sums(sums);
        }
    }

    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        match side_by_side(x, 1).filter(|_| x.is_laned(2)) {
            Some(w) => affine(y, mat(x, 0, false), w, x.all(2), self.relu),
            None => lane_by_lane(self, x, y),
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        match side_by_side(x, 1).filter(|_| x.is_laned(2)) {
            Some(w) => self.back(mat(x, 0, false), w, y, g, dx, true),
            None => back_lane_by_lane(self, x, y, g, dx),
        }
    }
}

impl Affine {
    /// The derivative rule, of one lane or of all, whose weights stand side by side.
    fn back<T: Scalar>(
        self,
        a: Mat<'_, T>,
        w: Mat<'_, T>,
        y: &[T],
        g: &[T],
        dx: &mut Adjoints<'_, T>,
        all: bool,
    ) {
        if !self.relu {
            return back_linear(a, w, g, None, dx, all);
        }
        let mut passed = dx.take_scratch(g.len());
        slopes(y, g, &mut passed, true);
        back_linear(a, w, &passed, None, dx, all);
        dx.put_scratch(passed);
    }
}

/// The derivative rule of `X W + 1 b`. The sums of the columns of the adjoint may be known.
fn back_linear<T: Scalar>(
    a: Mat<'_, T>,
    w: Mat<'_, T>,
    g: &[T],
    sums: Option<&[T]>,
    dx: &mut Adjoints<'_, T>,
    all: bool,
) {
    dx.add_to(2, all, |to, fresh| match sums {
        Some(sums) if fresh => to.copy_from_slice(sums),
        Some(sums) => add(to, sums),
        None => column_sums(g, a.rows, to, fresh),
    });
    if w.cols == 1
        && let Some((h, sums)) = dx.passed(0)
    {
        let to = Back { w: dx.shared(1), h, sums };
        return passed(ToColumn { h: a.data, w: w.data, g }, to);
    }
    let g = Mat { data: g, rows: a.rows, cols: w.cols, transposed: false };
    dx.add_to(1, all, |to, fresh| gemm(to, a.t(), g, fresh));
    dx.add(0, |to, fresh| gemm(to, g, w.t(), fresh));
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

    /// `max(X W + b, 0)`: a layer of rectified units as one node, with the passes over its outputs that [`affine`](Var::affine) and
    /// [`relu`](Var::relu) would make one after the other.
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
            Some(tape) if relu => tape.record_rectified(Affine { relu }, &[self, weight, bias], (n, m)),
            Some(tape) => tape.record(Affine { relu }, &[self, weight, bias], n, m),
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
            Some(tape) => tape.record(MatMul { ta, tb }, &[self, other], m, n),
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
