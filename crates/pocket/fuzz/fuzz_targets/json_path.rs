//! Feeds `howdah_pocket::fuzzing::json_path`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pocket::fuzzing::json_path(bytes));
