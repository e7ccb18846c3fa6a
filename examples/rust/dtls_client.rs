//! A DTLS client: verifies the server, sends each message as a datagram, and prints the answers.
//!
//! usage: dtls_client HOST PORT CA-FILE IDENTITY [MESSAGE...]

use std::{env, process::ExitCode, time::Duration};

use gio::prelude::*;
// `as _`, because GIO has a trait of the same name.
use gio_ossl::{DtlsClientConnection, FileDatabase, prelude::*};

const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_MESSAGE: usize = 16384;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, ca_file, identity, messages @ ..] = arguments.as_slice() else {
        return usage();
    };
    let Ok(port) = port.parse() else {
        return usage();
    };
    let greeting = [String::from("hello")];
    let messages = if messages.is_empty() {
        &greeting
    } else {
        messages
    };
    match run(host, port, ca_file, identity, messages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (domain, message) = (error.domain().as_str(), error.message());
            eprintln!("error: {domain}, {}, {message}", error.code());
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: dtls_client HOST PORT CA-FILE IDENTITY [MESSAGE...]");
    ExitCode::FAILURE
}

fn run(
    host: &str,
    port: u16,
    ca_file: &str,
    identity: &str,
    messages: &[String],
) -> Result<(), glib::Error> {
    let authorities = FileDatabase::new(ca_file)?;

    let server = gio::NetworkAddress::new(identity, port);
    let connection = DtlsClientConnection::new(&open_socket(host, port)?, Some(&server))?;
    connection.set_database(Some(&authorities));
    // Fails unless the server proves to be `identity`.
    connection.handshake(gio::Cancellable::NONE)?;
    println!(
        "connected: {}, {}",
        nick(connection.protocol_version()),
        connection.ciphersuite_name().unwrap_or_default()
    );
    println!("verified peer: {identity}");

    for message in messages {
        exchange(&connection, message)?;
    }
    connection.close(gio::Cancellable::NONE)
}

fn open_socket(host: &str, port: u16) -> Result<gio::Socket, glib::Error> {
    let address = gio::NetworkAddress::new(host, port)
        .enumerate()
        .next(gio::Cancellable::NONE)?
        .ok_or_else(|| glib::Error::new(gio::ResolverError::NotFound, "The host has no address"))?;
    let socket = gio::Socket::new(
        address.family(),
        gio::SocketType::Datagram,
        gio::SocketProtocol::Udp,
    )?;
    SocketExt::connect(&socket, &address, gio::Cancellable::NONE)?;
    Ok(socket)
}

fn exchange(connection: &DtlsClientConnection, message: &str) -> Result<(), glib::Error> {
    let sent = connection.send(message.as_bytes(), Some(TIMEOUT), None)?;
    println!("sent {sent} bytes: {message}");
    let answer = connection
        .receive_bytes(LARGEST_MESSAGE, Some(TIMEOUT), None)?
        .ok_or_else(|| {
            glib::Error::new(
                gio::IOErrorEnum::BrokenPipe,
                "The server closed the connection",
            )
        })?;
    let text = String::from_utf8_lossy(&answer);
    println!("received {} bytes: {text}", answer.len());
    Ok(())
}

/// GIO's short name of a protocol version.
fn nick(version: gio::TlsProtocolVersion) -> String {
    let value = version.to_value();
    glib::EnumValue::from_value(&value).map_or_else(String::new, |(_, value)| value.nick().into())
}
