//! libFuzzer's entry to [`fuzz::records`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::records(bytes));
