//! A compiled Stan model behind the C interface of BridgeStan 2, as a target of inference.
//!
//! Source: `bridgestan.h` of BridgeStan 2 (Roualdes, Ward, Carpenter, Seyboldt, Axen 2023,
//! "BridgeStan: efficient in-memory access to the methods of a Stan model").

use probity_vi::{Error, Result, Target};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

type Construct = unsafe extern "C" fn(*const c_char, c_uint, *mut *mut c_char) -> *mut c_void;
type Destruct = unsafe extern "C" fn(*mut c_void);
type Dim = unsafe extern "C" fn(*const c_void) -> c_int;
type Gradient = unsafe extern "C" fn(
    *const c_void,
    bool,
    bool,
    *const f64,
    *mut f64,
    *mut f64,
    *mut *mut c_char,
) -> c_int;
type Free = unsafe extern "C" fn(*mut c_char);

/// The functions of the interface that inference needs.
#[derive(Clone, Copy, Debug)]
pub struct Symbols {
    /// `bs_model_construct`
    pub construct: Construct,
    /// `bs_model_destruct`
    pub destruct: Destruct,
    /// `bs_param_unc_num`
    pub dim: Dim,
    /// `bs_log_density_gradient`
    pub gradient: Gradient,
    /// `bs_free_error_msg`
    pub free: Free,
}

impl Symbols {
    /// What an error message says, which is freed.
    fn message(&self, message: *mut c_char) -> String {
        if message.is_null() {
            return "no reason was given".into();
        }
        // SAFETY: the interface gives a string that ends with 0, which is freed by
        // `bs_free_error_msg` and not used after that.
        unsafe {
            let text = CStr::from_ptr(message).to_string_lossy().trim().to_owned();
            (self.free)(message);
            text
        }
    }
}

/// A model with its data.
#[derive(Debug)]
struct Model {
    symbols: Symbols,
    /// Computed by one thread at a time: a model that was compiled without `STAN_THREADS` has one
    /// memory of derivatives for all.
    pointer: Mutex<Pointer>,
}

#[derive(Debug)]
struct Pointer(*mut c_void);

// SAFETY: a model belongs to no thread; one at a time uses it, behind the mutex.
unsafe impl Send for Pointer {}

impl Drop for Model {
    fn drop(&mut self) {
        let pointer = self.pointer.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: this was made by `bs_model_construct`, and nothing uses it any more.
        unsafe { (self.symbols.destruct)(pointer.0) }
    }
}

/// The log density of a Stan model on unconstrained numbers, with the Jacobian of the constraints,
/// up to a constant: inference needs no more, and some libraries compute no more.
#[derive(Clone, Debug)]
pub struct StanModel {
    model: Arc<Model>,
    dim: usize,
}

impl StanModel {
    /// With these data: a path that ends in `.json`, or JSON itself.
    ///
    /// # Errors
    /// What Stan reports.
    ///
    /// # Safety
    /// The symbols must be those of BridgeStan 2.
    pub unsafe fn new(symbols: Symbols, data: &str) -> Result<Self> {
        let data = CString::new(data).map_err(Error::model)?;
        let mut message = null_mut();
        // SAFETY: the data end with 0 and live until the call is over; a message is for us to free.
        let pointer = unsafe { (symbols.construct)(data.as_ptr(), 0, &mut message) };
        if pointer.is_null() {
            return Err(Error::model(symbols.message(message)));
        }
        // SAFETY: the model was just made.
        let dim = unsafe { (symbols.dim)(pointer) };
        let model = Arc::new(Model { symbols, pointer: Mutex::new(Pointer(pointer)) });
        Ok(Self { model, dim: usize::try_from(dim).map_err(Error::model)? })
    }
}

impl Target for StanModel {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64> {
        assert!(u.len() == self.dim && gradient.len() == self.dim, "one number for every parameter");
        let (symbols, mut value, mut message) = (self.model.symbols, f64::NAN, null_mut());
        let pointer = self.model.pointer.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, from) = (gradient.as_mut_ptr(), u.as_ptr());
        // SAFETY: both slices have as many numbers as the model has parameters.
        let failed = unsafe { (symbols.gradient)(pointer.0, true, true, from, &mut value, to, &mut message) };
        if failed == 0 {
            return Ok(value);
        }
        // Stan rejects this point, which need not be so at others.
        symbols.message(message);
        Ok(f64::NAN)
    }
}

/// Opening libraries.
#[cfg(unix)]
mod open {
    use super::{CStr, CString, Construct, Destruct, Dim, Free, Gradient, Symbols, c_char, c_int, c_void};
    use std::mem::transmute;

    unsafe extern "C" {
        fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    const NOW: c_int = 2;

    impl Symbols {
        /// The interface of the library at this path, which stays open.
        ///
        /// # Errors
        /// If it cannot be opened, or a function is missing.
        ///
        /// # Safety
        /// Opening a library runs its code, and it must be one of BridgeStan 2.
        pub unsafe fn open(path: &str) -> Result<Self, String> {
            let text = CString::new(path).map_err(|e| e.to_string())?;
            // SAFETY: the path ends with 0.
            let library = unsafe { dlopen(text.as_ptr(), NOW) };
            if library.is_null() {
                return Err(format!("{path} cannot be opened as a library"));
            }
            let find = |name: &CStr| {
                // SAFETY: the library is open, and the name ends with 0.
                let symbol = unsafe { dlsym(library, name.as_ptr()) };
                if symbol.is_null() { Err(format!("{path} has no function {name:?}")) } else { Ok(symbol) }
            };
            // SAFETY: functions of these names have these types in BridgeStan 2.
            unsafe {
                Ok(Self {
                    construct: transmute::<*mut c_void, Construct>(find(c"bs_model_construct")?),
                    destruct: transmute::<*mut c_void, Destruct>(find(c"bs_model_destruct")?),
                    dim: transmute::<*mut c_void, Dim>(find(c"bs_param_unc_num")?),
                    gradient: transmute::<*mut c_void, Gradient>(find(c"bs_log_density_gradient")?),
                    free: transmute::<*mut c_void, Free>(find(c"bs_free_error_msg")?),
                })
            }
        }
    }
}
