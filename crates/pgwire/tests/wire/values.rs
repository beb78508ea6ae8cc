//! What messages are made of, as proptest makes it.

use std::ffi::CString;

use howdah_pgwire::SqlState;
use howdah_pgwire::format::Format;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any text without a zero byte, in no particular encoding.
pub(crate) fn string() -> impl Strategy<Value = CString> {
    vec(1..=u8::MAX, 0..20).prop_map(|bytes| CString::new(bytes).unwrap())
}

/// The same, and not empty.
pub(crate) fn name() -> impl Strategy<Value = CString> {
    vec(1..=u8::MAX, 1..20).prop_map(|bytes| CString::new(bytes).unwrap())
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

pub(crate) fn values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    vec(option::of(vec(any::<u8>(), 0..30)), 0..12)
}

pub(crate) fn formats() -> impl Strategy<Value = Vec<Format>> {
    let format = prop_oneof![
        Just(Format::TEXT),
        Just(Format::BINARY),
        any::<i16>().prop_map(Format)
    ];
    vec(format, 0..6)
}

pub(crate) fn oids() -> impl Strategy<Value = Vec<u32>> {
    vec(any::<u32>(), 0..8)
}

pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 4..=256)
}

pub(crate) fn sqlstate() -> impl Strategy<Value = SqlState> {
    "[0-9A-Z]{5}".prop_map(|text| text.parse().unwrap())
}
