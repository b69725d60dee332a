//! The interface to Stan models, by functions of the same types that are written here.
#![allow(dead_code, reason = "the program is included as a module, with its main function")]

#[path = "../../bridgestan/main.rs"]
mod program;

use probity_vi::ladder::Ladder;
use probity_vi::{Grade, Target};
use program::stan::{StanModel, Symbols};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Models that there are, and messages that have not been freed.
static MODELS: AtomicUsize = AtomicUsize::new(0);
static MESSAGES: AtomicUsize = AtomicUsize::new(0);

/// Leaves a message that the caller frees.
fn leave(message: *mut *mut c_char, text: &str) {
    MESSAGES.fetch_add(1, SeqCst);
    // SAFETY: callers give a place for the message.
    unsafe { *message = CString::new(text).unwrap().into_raw() };
}

/// A model whose only datum is its mean.
unsafe extern "C" fn construct(data: *const c_char, _: c_uint, message: *mut *mut c_char) -> *mut c_void {
    // SAFETY: the caller's string ends with 0.
    let data = unsafe { CStr::from_ptr(data) }.to_str().unwrap();
    match data.parse::<f64>() {
        Ok(mean) => {
            MODELS.fetch_add(1, SeqCst);
            Box::into_raw(Box::new(mean)).cast()
        }
        Err(_) => {
            leave(message, "no mean in the data\n");
            null_mut()
        }
    }
}

unsafe extern "C" fn destruct(model: *mut c_void) {
    MODELS.fetch_sub(1, SeqCst);
    // SAFETY: made by `construct`, and not used any more.
    drop(unsafe { Box::from_raw(model.cast::<f64>()) });
}

unsafe extern "C" fn dim(_: *const c_void) -> c_int {
    2
}

/// Two correlated numbers; far out Stan rejects.
unsafe extern "C" fn gradient(
    model: *const c_void,
    propto: bool,
    jacobian: bool,
    u: *const f64,
    value: *mut f64,
    to: *mut f64,
    message: *mut *mut c_char,
) -> c_int {
    assert!(propto && jacobian);
    // SAFETY: the caller's slices have two numbers each, and the model is one of `construct`.
    let (mean, u, value, to) = unsafe {
        (
            *model.cast::<f64>(),
            std::slice::from_raw_parts(u, 2),
            &mut *value,
            std::slice::from_raw_parts_mut(to, 2),
        )
    };
    if u[0] > 100.0 {
        leave(message, "Exception: too far");
        return -1;
    }
    let (a, b) = (u[0] - mean, u[1] - 2.0 * u[0]);
    *value = -0.5 * (a * a + 4.0 * b * b);
    to.copy_from_slice(&[-a + 8.0 * b, -4.0 * b]);
    0
}

unsafe extern "C" fn free(message: *mut c_char) {
    MESSAGES.fetch_sub(1, SeqCst);
    // SAFETY: made by `leave`.
    drop(unsafe { CString::from_raw(message) });
}

#[test]
fn a_stan_model_is_a_target() {
    let symbols = Symbols { construct, destruct, dim, gradient, free };
    // SAFETY: these functions do what those of BridgeStan do.
    let open = |data| unsafe { StanModel::new(symbols, data) };
    let error = open("[]").map(drop).unwrap_err().to_string();
    assert_eq!(error, "model: no mean in the data");
    let mut model = open("1.5").unwrap();
    let answer = Ladder::new().run(&model).unwrap();
    assert_eq!(answer.verdict.grade(), Grade::A, "{}", answer.verdict);
    // Means 1.5 and 3, standard deviations 1 and √(4 + ¼), by some thousand draws.
    let (mean, sd) = (answer.mean(), answer.sd());
    assert!((mean[0] - 1.5).abs() < 0.15 && (mean[1] - 3.0).abs() < 0.3, "{mean:?}");
    assert!((sd[0] - 1.0).abs() < 0.1 && (sd[1] / 4.25f64.sqrt() - 1.0).abs() < 0.1, "{sd:?}");
    // A point that Stan rejects is one without a density.
    assert!(model.gradient(&[1e3, 0.0], &mut [0.0; 2]).unwrap().is_nan());
    drop(model);
    assert_eq!((MODELS.load(SeqCst), MESSAGES.load(SeqCst)), (0, 0));
}

#[test]
fn the_program_says_what_it_needs() {
    assert!(program::run(&[]).is_ok());
    let error = program::run(&["no/such_model.so".into()]).unwrap_err().to_string();
    assert!(error.starts_with("no/such_model.so: "), "{error}");
}
