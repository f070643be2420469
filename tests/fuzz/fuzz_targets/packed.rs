#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cachecow_hostile::packed::check(data));
