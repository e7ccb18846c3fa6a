//! Replays every input that fuzzing has kept, without the fuzzer.

use std::{fs, path::Path};

use gio_ossl_fuzz::TARGETS;

#[test]
fn every_kept_input_passes() {
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(corpora.join(name)).expect("each target has a corpus") {
            let path = entry.expect("a readable corpus").path();
            // The last line of a failing run names the input.
            println!("{}", path.display());
            target(&fs::read(&path).expect("a readable input"));
            inputs += 1;
        }
        assert!(inputs > 5, "{name} has {inputs} inputs");
    }
}
