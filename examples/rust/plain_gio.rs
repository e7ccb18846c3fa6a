//! A DTLS client that knows only GIO: which backend does the work is GIO's choice (`GIO_USE_TLS`).
//!
//! usage: plain_gio HOST PORT CA-FILE IDENTITY [MESSAGE...]

use std::{env, process::ExitCode, time::Duration};

use gio::{InputMessage, InputVector, OutputMessage, OutputVector, prelude::*};

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));
const LARGEST_MESSAGE: usize = 16384;
const NEVER: Option<&gio::Cancellable> = None;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, ca_file, identity, messages @ ..] = arguments.as_slice() else {
        eprintln!("usage: plain_gio HOST PORT CA-FILE IDENTITY [MESSAGE...]");
        return ExitCode::FAILURE;
    };
    match run(&format!("{host}:{port}"), ca_file, identity, messages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (domain, message) = (error.domain().as_str(), error.message());
            eprintln!("error: {domain}, {}, {message}", error.code());
            ExitCode::FAILURE
        }
    }
}

fn run(
    server: &str,
    ca_file: &str,
    identity: &str,
    messages: &[String],
) -> Result<(), glib::Error> {
    let authorities = gio::TlsFileDatabase::new(ca_file)?;
    let identity = gio::NetworkAddress::new(identity, 0);
    let connection = gio::DtlsClientConnection::new(&open_socket(server)?, Some(&identity))?;
    connection.set_database(Some(&authorities));
    // Fails unless the server proves to be who it is expected to be.
    connection.handshake(NEVER)?;
    println!("connected by {}", connection.type_());
    let datagrams = connection.upcast_ref::<gio::DatagramBased>();
    for message in messages {
        send(datagrams, message.as_bytes())?;
        let answer = receive(datagrams)?;
        let text = String::from_utf8_lossy(&answer);
        println!("received {} bytes: {text}", answer.len());
    }
    connection.close(NEVER)
}

fn open_socket(server: &str) -> Result<gio::Socket, glib::Error> {
    let address = gio::NetworkAddress::parse(server, 0)?
        .enumerate()
        .next(NEVER)?
        .ok_or_else(|| glib::Error::new(gio::ResolverError::NotFound, "The host has no address"))?;
    let (family, protocol) = (address.family(), gio::SocketProtocol::Udp);
    let socket = gio::Socket::new(family, gio::SocketType::Datagram, protocol)?;
    SocketExt::connect(&socket, &address, NEVER)?;
    Ok(socket)
}

fn send(datagrams: &gio::DatagramBased, message: &[u8]) -> Result<(), glib::Error> {
    let vectors = [OutputVector::new(message)];
    let mut messages = [OutputMessage::new(gio::SocketAddress::NONE, &vectors, &[])];
    datagrams
        .send_messages(&mut messages, 0, TIMEOUT, NEVER)
        .map(drop)
}

fn receive(datagrams: &gio::DatagramBased) -> Result<Vec<u8>, glib::Error> {
    let mut buffer = vec![0; LARGEST_MESSAGE];
    let mut vectors = [InputVector::new(&mut buffer)];
    let mut messages = [InputMessage::new(None, &mut vectors, None)];
    // gtk-rs's function has a type parameter that it does not use.
    type Unused<'v> = Vec<&'v mut [&'v mut [u8]]>;
    datagrams.receive_messages::<Unused<'_>, _>(&mut messages, 0, TIMEOUT, NEVER)?;
    let length = messages.first().map_or(0, InputMessage::bytes_received);
    buffer.truncate(length);
    Ok(buffer)
}
