//! Instruction sets: one body, compiled for AVX-512, for AVX2 + FMA and portably, chosen once per
//! process.
//!
//! A kernel is a struct with an `#[inline(always)]` body. [`dispatch`] inlines that body into a
//! function compiled for the chosen instruction set, where LLVM vectorises its loops. (A closure
//! would not do: it is compiled on its own and loses the instruction set.)

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What the target offers without any detection.
    Portable = 1,
    /// AVX2 with fused multiply-add (x86-64).
    Avx2 = 2,
    /// AVX-512 F, BW, DQ and VL (x86-64).
    Avx512 = 3,
}

/// 0: not yet detected.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Isa {
    /// The best instruction set of this machine.
    pub fn detect() -> Isa {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                return Isa::Avx512;
            }
            if avx2 {
                return Isa::Avx2;
            }
        }
        Isa::Portable
    }

    /// The instruction set in use.
    #[inline]
    pub fn current() -> Isa {
        match CHOSEN.load(Ordering::Relaxed) {
            1 => Isa::Portable,
            2 => Isa::Avx2,
            3 => Isa::Avx512,
            _ => {
                let isa = Isa::detect();
                CHOSEN.store(isa as u8, Ordering::Relaxed);
                isa
            }
        }
    }

    /// Uses this instruction set, or the best that the machine has if it does not have this one,
    /// from now on in the whole process. For tests and measurements: results are the same bits on
    /// AVX2 and AVX-512.
    pub fn select(self) -> Isa {
        let isa = self.min(Isa::detect());
        CHOSEN.store(isa as u8, Ordering::Relaxed);
        isa
    }
}

/// A computation to be compiled for every instruction set.
pub trait Kernel {
    /// What it gives.
    type Output;
    /// The body; mark it `#[inline(always)]`.
    fn run(self) -> Self::Output;

    /// The same for x86-64 without AVX2, which only processors from before 2013 need: a shorter
    /// body where there is one, so that it takes little time to compile.
    #[inline(always)]
    fn run_without_vectors(self) -> Self::Output
    where
        Self: Sized,
    {
        self.run()
    }
}

/// Runs the kernel compiled for the instruction set in use.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match Isa::current() {
        #[cfg(target_arch = "x86_64")]
        Isa::Portable => kernel.run_without_vectors(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::current` gives this variant only where the features were detected.
        Isa::Avx2 => unsafe { avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 => unsafe { avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => kernel.run(),
    }
}

/// As [`dispatch`], for code that does one number at a time: it is not compiled once more for
/// AVX-512.
#[inline]
pub(crate) fn dispatch_scalar<K: Kernel>(kernel: K) -> K::Output {
    match Isa::current() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::current` gives these variants only where the features were detected, and
        // AVX-512 only with AVX2.
        Isa::Avx2 | Isa::Avx512 => unsafe { avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        Isa::Portable => kernel.run_without_vectors(),
        #[cfg(not(target_arch = "x86_64"))]
        _ => kernel.run(),
    }
}

/// As [`dispatch_scalar`], for a function of one number, which is so short that to align its stack
/// frame would show.
#[inline(always)]
pub(crate) fn dispatch_number<K: Kernel>(kernel: K) -> K::Output {
    match Isa::current() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `dispatch_scalar`.
        Isa::Avx2 | Isa::Avx512 => unsafe { avx2_unaligned(kernel) },
        _ => kernel.run(),
    }
}

/// Makes the stack frame of the function that this is inlined into begin at a cache line, so that
/// no vector register that is saved there crosses one.
///
/// LLVM aligns a frame only for a variable that asks for it, not for the registers that it saves.
/// Then the depth of the stack decides whether some of them cross a cache line or even a page,
/// which on one of our machines cost a twelfth of a training step.
#[inline(always)]
pub(crate) fn align_frame() {
    #[repr(align(64))]
    struct CacheLine(#[expect(dead_code, reason = "only its alignment counts")] u8);
    black_box(&mut CacheLine(0));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    align_frame();
    kernel.run()
}

/// As `avx2`, without aligning the frame, in which there are no vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_unaligned<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    align_frame();
    kernel.run()
}
