//! Whether the kept inputs of the C program call all that the library exports.

use std::{collections::BTreeSet, fs, path::Path};

use gio_ossl_fuzz::{c_functions, called};

#[test]
fn every_exported_function_is_called() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(folder.join("corpus/c_functions")).expect("a corpus") {
        let path = entry.expect("a readable corpus").path();
        println!("{}", path.display());
        c_functions(&fs::read(path).expect("a readable input"));
    }
    let map = fs::read_to_string(folder.join("../gir/gio-ossl-1.map")).expect("the map");
    let names = map.lines().filter_map(|line| line.trim().strip_suffix(';'));
    let exported: BTreeSet<&str> = names.filter(|name| name.starts_with('g')).collect();
    assert!(exported.len() > 30, "{exported:?}");
    assert_eq!(called(), exported);
}
