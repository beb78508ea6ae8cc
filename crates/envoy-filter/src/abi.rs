//! The interface of Envoy 1.40 for dynamic modules, version `v0.2.0`: types, callbacks, and the check that it is this one.
//!
//! Callbacks are looked up by name before the first is used, so an Envoy that lacks one is refused in words
//! instead of crashing at the first call.

mod callbacks;
mod envoy;
mod version;

use std::ffi::c_void;
use std::ptr;

pub(crate) use callbacks::{Callbacks, callbacks};
pub(crate) use envoy::{
    Close, Control, Level, Listener, ListenerConfig, Network, NetworkConfig, Scheduler,
};
pub(crate) use version::ours;

/// Anything of Envoy's, or anything of ours that Envoy keeps.
pub(crate) type Pointer = *mut c_void;

/// Bytes that Envoy lends to the module, or the module to Envoy; passed by value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pointer: *const u8,
    length: usize,
}

impl Buffer {
    pub(crate) const EMPTY: Self = Self {
        pointer: ptr::null(),
        length: 0,
    };

    /// Lends bytes to a callback, which copies them.
    pub(crate) const fn lend(bytes: &[u8]) -> Self {
        Self {
            pointer: bytes.as_ptr(),
            length: bytes.len(),
        }
    }

    /// The bytes that Envoy lends.
    ///
    /// # Safety
    /// The buffer came from Envoy in the hook that is running, and what it was taken from has not been changed since.
    pub(crate) const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.pointer.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: not null, and Envoy promises `length` readable bytes until the hook returns or the buffer is
        // changed, which the caller promises not to do first.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}

/// What a filter tells Envoy about the filters behind it.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Go on with them.
    Continue = 0,
    /// Not now.
    Stop = 1,
}
