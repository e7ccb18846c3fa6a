//! The manual pages in `docs/man`: made of the command line's own help, and kept by this test.
//!
//! After a change, `GIO_OSSL_WRITE_MANUAL=1 cargo test -p gio-ossl-tool manual` writes them anew.

use std::{env, fs, path::Path};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Arguments;

#[test]
fn manual_pages_are_those_of_the_command_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/man");
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let mut commands = vec![program.clone()];
    commands.extend(program.get_subcommands().cloned());
    for command in commands {
        let (file, page) = page(command);
        let path = folder.join(file);
        if env::var_os("GIO_OSSL_WRITE_MANUAL").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &page).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap();
        assert_eq!(committed, page, "{} is out of date", path.display());
    }
}

/// The name and the text of a command's page.
fn page(command: Command) -> (String, String) {
    let manual = Man::new(command);
    let mut page = Vec::new();
    manual.render(&mut page).unwrap();
    let page = String::from_utf8(page)
        .unwrap()
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
        .replace(".SH EXTRA\nExit status:\n", ".SH EXIT STATUS\n");
    (manual.get_filename(), page)
}
