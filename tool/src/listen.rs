//! `gio-ossl listen`.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{FusedFuture, pending, select},
    select_biased,
    stream::FuturesUnordered,
};
use gio::{TlsAuthenticationMode as Mode, TlsError, prelude::*};
use gio_ossl::{Certificate, DtlsConnection, DtlsServerConnection, prelude::*};
use serde_json::json;

use crate::{
    certificate::problems,
    cli::Listen,
    demultiplexer::{Demultiplexer, Peer},
    failure::{Failure, Status},
    files,
    input::{self, Input},
    output::Output,
    psk::{self, Key},
    runtime::{Interrupt, Waited, block_on, give_way},
    session::{Facts, Settings, receive, send, tell_certificate},
    text::printable,
};

/// How long the sessions may take to close.
const CLOSING: Duration = Duration::from_secs(2);

pub fn run(options: &Listen, output: &Output) -> Result<(), Failure> {
    let certificate = files::credentials(&options.credentials)?;
    let keys = options.psk_file.as_deref().map(psk::keys).transpose()?;
    if certificate.is_none() && keys.is_none() {
        return Err(Failure::usage("a server must prove itself")
            .hint("--certificate FILE --key FILE, or one FILE with both")
            .hint("--psk-file FILE, with keys that it shares with its clients"));
    }
    let authorities = files::authorities(options.ca_file.as_deref())?;
    let settings = Settings::of(&options.protocol)?;
    output.write_raw(options.raw);
    let port = bind(options)?;
    let interrupt = Interrupt::catch();
    let server = Server {
        options,
        output,
        settings,
        authorities,
        certificate,
        keys: keys.map(Arc::new),
        port,
        interrupt,
        latest: RefCell::default(),
    };
    block_on(server.run())
}

/// Listens on the address that was asked for, or on all there are.
fn bind(options: &Listen) -> Result<Demultiplexer, Failure> {
    let all = [
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    ];
    let addresses = options
        .address
        .as_ref()
        .map_or(&all[..], std::slice::from_ref);
    let mut failure = None;
    for address in addresses {
        let address = SocketAddr::new(*address, options.port);
        match Demultiplexer::bind(address) {
            Ok(port) => return Ok(port),
            Err(error) => {
                failure = Some(unusable(address, &error));
            }
        }
    }
    Err(failure.unwrap_or_else(|| Failure::usage("no address to listen on")))
}

/// Why nobody can listen there.
fn unusable(address: SocketAddr, error: &io::Error) -> Failure {
    let text = format!("cannot listen on {address}: {error}");
    let failure = Failure::new(Status::Network, text);
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            failure.hint("another program listens there: another PORT, or 0 for any free one")
        }
        io::ErrorKind::AddrNotAvailable => {
            failure.hint("--address ADDRESS must be one of this machine's own")
        }
        io::ErrorKind::PermissionDenied => {
            failure.hint("a PORT above 1023 needs no special permission")
        }
        _ => failure,
    }
}

struct Server<'a> {
    options: &'a Listen,
    output: &'a Output,
    settings: Settings<'a>,
    authorities: gio::TlsDatabase,
    certificate: Option<Certificate>,
    keys: Option<Arc<HashMap<String, Key>>>,
    port: Demultiplexer,
    interrupt: Interrupt,
    /// Whom lines of the standard input go to.
    latest: RefCell<Option<DtlsConnection>>,
}

impl Server<'_> {
    async fn run(self) -> Result<(), Failure> {
        let address = self.port.address()?;
        self.output.note(&format!("Listening on {address} by UDP"));
        let facts = json!({ "address": address.ip().to_string(), "port": address.port() });
        self.output.event("listening", facts)?;
        self.output.go_live(None, false);
        let result = self.serve().await;
        self.output.totals()?;
        result
    }

    /// Serves until the first session has ended, if there shall be only one, or for ever.
    async fn serve(&self) -> Result<(), Failure> {
        let mut sessions = FuturesUnordered::new();
        let mut interrupted = Box::pin(self.interrupt.future().fuse());
        let mut typing = Box::pin(self.send_lines().fuse());
        let result = loop {
            select_biased! {
                () = interrupted => break Ok(()),
                failure = typing => break Err(failure),
                end = sessions.select_next_some() => match end {
                    Some(result) if self.options.once => break result,
                    Some(Err(failure)) => self.output.failure(&failure),
                    Some(Ok(())) | None => {}
                },
                fresh = self.port.next().boxed_local().fuse() => match fresh {
                    Ok(fresh) => sessions.extend(fresh.into_iter().map(|it| self.session(it))),
                    Err(error) => break Err(Failure::new(Status::Network, error.message())),
                },
            }
        };
        if interrupted.is_terminated() {
            let all = async { while sessions.next().await.is_some() {} };
            select(Box::pin(all), glib::timeout_future(CLOSING)).await;
        }
        result
    }

    /// One client, from its first datagram to its end. `None`: it never became a session.
    async fn session(&self, peer: Peer) -> Option<Result<(), Failure>> {
        let place = place(peer.address());
        let result = self.converse(&peer, &place).await;
        self.port.forget(&peer);
        if matches!(result, Some(Ok(()))) {
            self.output
                .note(&format!("The session with {place} has ended"));
            let told = self.output.event("closed", json!({ "peer": place }));
            return Some(told);
        }
        result
    }

    async fn converse(&self, peer: &Peer, place: &str) -> Option<Result<(), Failure>> {
        let connection = match self.prepare(peer) {
            Ok(connection) => connection,
            Err(error) => return Some(Err(Failure::new(Status::Failed, error.message()))),
        };
        connection.set_handshake_timeout(Some(self.options.timeout));
        let handshake = connection.handshake_future(glib::Priority::DEFAULT);
        match self.interrupt.or(handshake).await {
            Waited::Done(Ok(())) => {}
            Waited::Done(Err(error)) if !error.matches(gio::IOErrorEnum::TimedOut) => {
                return Some(Err(self.refused(&connection, place, &error)));
            }
            Waited::Done(Err(_)) => {
                let mut text = format!("{place} has not finished the handshake in time");
                if self.keys.is_some() {
                    text += "; a wrong pre-shared key looks like that";
                }
                self.output.note(&text);
                return None;
            }
            Waited::TimedOut | Waited::Interrupted => return None,
        }
        let result = self.exchange(&connection, place).await;
        self.latest
            .borrow_mut()
            .take_if(|latest| *latest == connection);
        let closing = connection.close_future(glib::Priority::DEFAULT);
        select(closing, glib::timeout_future(CLOSING)).await;
        Some(result)
    }

    fn prepare(&self, peer: &Peer) -> Result<DtlsConnection, glib::Error> {
        let server = DtlsServerConnection::new(peer, self.certificate.as_ref())?;
        if let Some(keys) = self.keys.clone() {
            server.connect_psk_lookup(move |_, identity| {
                let key = keys.get(identity)?;
                // It is wiped with its last reference.
                Some(glib::Bytes::from_owned(key.clone()))
            });
            server.set_psk_identity_hint(self.options.psk_hint.as_deref());
        }
        server.set_database(Some(&self.authorities));
        server.set_authentication_mode(if self.options.require_certificate {
            Mode::Required
        } else if self.options.request_certificate || self.options.accept_untrusted {
            Mode::Requested
        } else {
            Mode::None
        });
        let accept_untrusted = self.options.accept_untrusted;
        server.connect_accept_certificate(move |_, _, problems| {
            accept_untrusted || problems.is_empty()
        });
        let connection: DtlsConnection = server.upcast();
        self.settings.apply(&connection);
        Ok(connection)
    }

    async fn exchange(&self, connection: &DtlsConnection, place: &str) -> Result<(), Failure> {
        Facts::of(connection, place).tell(self.output)?;
        *self.latest.borrow_mut() = Some(connection.clone());
        let idle = self.options.idle_timeout;
        loop {
            let received = receive(connection);
            let waited = if idle.is_zero() {
                self.interrupt.or(received).await
            } else {
                self.interrupt.within(idle, received).await
            };
            let message = match waited {
                Waited::Done(Ok(Some(message))) => message,
                Waited::Done(Ok(None)) | Waited::Interrupted => return Ok(()),
                Waited::Done(Err(error)) => return Err(broken(place, &error)),
                Waited::TimedOut => {
                    self.output
                        .note(&format!("{place} was silent for too long"));
                    return Ok(());
                }
            };
            *self.latest.borrow_mut() = Some(connection.clone());
            self.output.message(place, &message)?;
            // Or a client that never pauses would keep all others waiting.
            give_way().await;
            if self.options.echo {
                let sent = send(connection, &message).await;
                sent.map_err(|error| broken(place, &error))?;
                self.output.sent(message.len());
            }
        }
    }

    /// Lines of the standard input go to the client that was heard last. Ends only by a failure.
    async fn send_lines(&self) -> Failure {
        let mut lines = Input::lines(self.options.newline);
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return pending().await,
                Err(error) => return input::unreadable(&error),
            };
            let latest = self.latest.borrow().clone();
            let Some(connection) = latest else {
                self.output.note("There is no client to send this line to");
                continue;
            };
            match send(&connection, &line).await {
                Ok(()) => self.output.sent(line.len()),
                Err(error) => {
                    let text = format!("The line was not sent: {}", printable(error.message()));
                    self.output.note(&text);
                }
            }
        }
    }

    /// Why there is no session.
    fn refused(&self, connection: &DtlsConnection, place: &str, error: &glib::Error) -> Failure {
        let certificate = connection.peer_certificate();
        let flags = connection.peer_certificate_errors();
        if let Some(certificate) = certificate.filter(|_| !flags.is_empty()) {
            tell_certificate(self.output, &certificate);
            let reasons = problems(flags).join("; ");
            let text = format!("the certificate of {place} is not trusted: {reasons}");
            return Failure::new(Status::Verification, text)
                .hint("--ca-file FILE, where FILE has the authority of the clients")
                .hint("to look only: --accept-untrusted");
        }
        let text = format!("no session with {place}: {}", printable(error.message()));
        let failure = Failure::new(Status::Handshake, text);
        if error.matches(TlsError::CertificateRequired) {
            return failure.hint("--request-certificate serves clients without certificate, too");
        }
        if error.matches(TlsError::BadCertificate) {
            return failure.hint("does the client trust the authority of --certificate?");
        }
        failure
    }
}

fn broken(place: &str, error: &glib::Error) -> Failure {
    let reason = printable(error.message());
    let text = format!("the session with {place} has failed: {reason}");
    Failure::new(Status::Handshake, text)
}

/// A client's address as people write it.
fn place(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}
