//! The callbacks of Envoy that the module uses, as a table that is filled once and completely, or not at all.

use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

use super::{Buffer, Pointer, version};

/// Declares the table and how it is filled.
macro_rules! table {
    ($($name:ident = $symbol:literal ($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Envoy's functions. Each may be called only with pointers that Envoy has handed out for it.
        pub(crate) struct Callbacks {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Callbacks {
            /// Looks every function up; the name of the first that is missing otherwise.
            ///
            /// # Safety
            /// `find` returns null, or a function with the arguments and result that this table gives its name.
            unsafe fn fill(find: impl Fn(&CStr) -> *const c_void) -> Result<Self, &'static CStr> {
                Ok(Self {
                    $($name: {
                        const SYMBOL: &CStr = match CStr::from_bytes_with_nul(
                            concat!("envoy_dynamic_module_callback_", $symbol, "\0").as_bytes(),
                        ) {
                            Ok(symbol) => symbol,
                            Err(_) => panic!("a name holds no zero byte"),
                        };
                        let found = find(SYMBOL);
                        if found.is_null() {
                            return Err(SYMBOL);
                        }
                        // SAFETY: not null, and the caller vouches for the type.
                        unsafe {
                            std::mem::transmute::<
                                *const c_void,
                                unsafe extern "C" fn($($argument),*) $(-> $result)?,
                            >(found)
                        }
                    },)*
                })
            }
        }
    };
}

table! {
    log = "log"(u32, Buffer);
    log_enabled = "log_enabled"(u32) -> bool;

    network_define_counter = "network_filter_config_define_counter"(Pointer, Buffer, *mut usize) -> u32;
    network_define_gauge = "network_filter_config_define_gauge"(Pointer, Buffer, *mut usize) -> u32;
    network_define_histogram = "network_filter_config_define_histogram"(Pointer, Buffer, *mut usize) -> u32;
    network_increment_counter = "network_filter_increment_counter"(Pointer, usize, u64) -> u32;
    network_increment_gauge = "network_filter_increment_gauge"(Pointer, usize, u64) -> u32;
    network_decrement_gauge = "network_filter_decrement_gauge"(Pointer, usize, u64) -> u32;
    network_record = "network_filter_record_histogram_value"(Pointer, usize, u64) -> u32;
    network_read_chunks_count = "network_filter_get_read_buffer_chunks_size"(Pointer) -> usize;
    network_read_chunks = "network_filter_get_read_buffer_chunks"(Pointer, *mut Buffer) -> bool;
    network_write_chunks_count = "network_filter_get_write_buffer_chunks_size"(Pointer) -> usize;
    network_write_chunks = "network_filter_get_write_buffer_chunks"(Pointer, *mut Buffer) -> bool;
    network_drain_read = "network_filter_drain_read_buffer"(Pointer, usize) -> bool;
    network_drain_write = "network_filter_drain_write_buffer"(Pointer, usize) -> bool;
    network_append_write = "network_filter_append_write_buffer"(Pointer, Buffer) -> bool;
    network_read_enabled = "network_filter_read_enabled"(Pointer) -> bool;
    network_inject_write = "network_filter_inject_write_data"(Pointer, Buffer, bool);
    network_continue = "network_filter_continue_reading"(Pointer);
    network_close = "network_filter_close_with_details"(Pointer, u32, Buffer);
    network_is_tls = "network_filter_is_ssl"(Pointer) -> bool;
    network_scheduler_new = "network_filter_scheduler_new"(Pointer) -> Pointer;
    network_scheduler_commit = "network_filter_scheduler_commit"(Pointer, u64);
    network_scheduler_delete = "network_filter_scheduler_delete"(Pointer);
    network_metadata_text = "network_set_dynamic_metadata_string"(Pointer, Buffer, Buffer, Buffer);
    network_metadata_number = "network_set_dynamic_metadata_number"(Pointer, Buffer, Buffer, f64);

    listener_define_counter = "listener_filter_config_define_counter"(Pointer, Buffer, *mut usize) -> u32;
    listener_increment_counter = "listener_filter_increment_counter"(Pointer, usize, u64) -> u32;
    listener_chunk = "listener_filter_get_buffer_chunk"(Pointer, *mut Buffer) -> bool;
    listener_drain = "listener_filter_drain_buffer"(Pointer, usize) -> bool;
    listener_write = "listener_filter_write_to_socket"(Pointer, Buffer) -> i64;
    listener_detected = "listener_filter_set_detected_transport_protocol"(Pointer, Buffer);
    listener_close = "listener_filter_close_socket"(Pointer, Buffer);

    control_ready = "bootstrap_extension_config_signal_init_complete"(Pointer);
    control_register = "bootstrap_extension_register_admin_handler"(Pointer, Buffer, Buffer, bool, bool) -> bool;
    control_respond = "bootstrap_extension_admin_set_response"(Pointer, Buffer);
}

unsafe extern "C" {
    /// dlsym(3).
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// Looks a symbol up in the running program and its libraries.
pub(super) fn find(symbol: &CStr) -> *const c_void {
    // SAFETY: a null handle is RTLD_DEFAULT of the C library on Linux, and the symbol ends with a zero byte.
    unsafe { dlsym(std::ptr::null_mut(), symbol.as_ptr()) }
}

/// The callbacks of the Envoy in whose process this is, or a sentence that says why they cannot be used.
pub(crate) fn callbacks() -> Result<&'static Callbacks, &'static str> {
    static FOUND: OnceLock<Result<Callbacks, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        version::check(version::theirs())?;
        // SAFETY: the version says that the functions are those of the table, with these arguments and results.
        unsafe { Callbacks::fill(find) }.map_err(|missing| {
            format!(
                "this Envoy lacks {}, which libhowdah_envoy_filter.so was built for",
                missing.to_string_lossy()
            )
        })
    });
    found.as_ref().map_err(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_envoy_is_refused_before_anything_is_called() {
        let Err(sentence) = callbacks() else {
            panic!("the test program is no Envoy");
        };
        assert_eq!(
            sentence,
            "libhowdah_envoy_filter.so is built for the module interface v0.2.0 of Envoy 1.40, \
             and this program does not say which one it has"
        );
    }

    #[test]
    fn a_missing_callback_is_named() {
        extern "C" fn any() {}
        let all_but = |missing: &'static CStr| {
            move |symbol: &CStr| {
                if symbol == missing {
                    std::ptr::null()
                } else {
                    any as *const c_void
                }
            }
        };
        let missing = c"envoy_dynamic_module_callback_network_filter_is_ssl";
        // SAFETY: nothing of the table is called.
        let error = unsafe { Callbacks::fill(all_but(missing)) }.err();
        assert_eq!(error, Some(missing));
        // SAFETY: nothing of the table is called.
        assert!(unsafe { Callbacks::fill(all_but(c"")) }.is_ok());
    }
}
