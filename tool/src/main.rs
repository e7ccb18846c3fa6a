//! `gio-ossl`: DTLS from the command line, by the classes of the crate `gio_ossl`.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Arguments, Command},
    output::Output,
};

mod certificate;
mod cli;
mod connect;
mod demultiplexer;
mod failure;
mod files;
mod input;
mod listen;
#[cfg(test)]
mod manual;
mod output;
mod psk;
mod runtime;
mod session;
mod show;
mod text;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json, arguments.quiet);
    let result = match &arguments.command {
        Command::Connect(options) => connect::run(options, &output),
        Command::Listen(options) => listen::run(options, &output),
        Command::Show(options) => show::run(options, &output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.status.into()
        }
    }
}
