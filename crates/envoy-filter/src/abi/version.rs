//! Which version of the interface the running Envoy has.
//!
//! Envoy compares a module's version with its own and only warns about a difference. The module wants to know for
//! itself. Envoy has no callback for that, but it contains a module of its own, built with it, that tells.

use std::ffi::{CStr, c_char, c_void};

use super::callbacks::find;

/// The version that this module is written for.
const OURS: &CStr = c"v0.2.0";

/// What Envoy's own module tells Envoy when it is loaded, as this module does in [`ours`].
const BUILT_IN: &CStr = c"hickory_dns_static_envoy_dynamic_module_on_program_init";

/// The version for Envoy, as it wants it: with a zero byte at the end, and valid for ever.
pub(crate) const fn ours() -> *const c_char {
    OURS.as_ptr()
}

/// The version of the Envoy in whose process this is; `None` if it does not say.
pub(super) fn theirs() -> Option<&'static CStr> {
    let found = find(BUILT_IN);
    if found.is_null() {
        return None;
    }
    // SAFETY: not null, and a hook of this name has this type in every version of the interface so far.
    // Envoy itself calls it once for each place that names the built-in module, so one more call does nothing new.
    let version = unsafe {
        let hook =
            std::mem::transmute::<*const c_void, unsafe extern "C" fn() -> *const c_char>(found);
        hook()
    };
    if version.is_null() {
        return None;
    }
    // SAFETY: not null, and the interface has modules return a string that ends with a zero byte; that of a
    // module inside the program is a constant.
    Some(unsafe { CStr::from_ptr(version) })
}

/// Whether this version is ours, or a sentence that says what is wrong.
pub(super) fn check(theirs: Option<&CStr>) -> Result<(), String> {
    if theirs == Some(OURS) {
        return Ok(());
    }
    let theirs = theirs.map_or_else(
        || "this program does not say which one it has".to_owned(),
        |version| format!("this Envoy has {}", version.to_string_lossy()),
    );
    Err(format!(
        "libhowdah_envoy_filter.so is built for the module interface {} of Envoy 1.40, and {theirs}",
        OURS.to_string_lossy()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_version_is_taken() {
        assert_eq!(check(Some(c"v0.2.0")), Ok(()));
        for version in [c"v0.1.0", c"v0.3.0", c"v0.2.01", c""] {
            let sentence = check(Some(version)).unwrap_err();
            let end = format!("and this Envoy has {}", version.to_str().unwrap());
            assert!(sentence.ends_with(&end), "{sentence}");
        }
    }
}
