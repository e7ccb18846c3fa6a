//! `gio-ossl connect`.

use std::{
    cell::Cell,
    fs::File,
    io::IsTerminal,
    net::Ipv6Addr,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::{Either, select};
use gio::prelude::*;
use gio_ossl::{Certificate, DtlsClientConnection, DtlsConnection, prelude::*};

use self::{
    explain::{Attempt, explain, no_answer},
    resumption::Kept,
};
use crate::{
    cli::Connect,
    failure::{Failure, Status},
    files,
    input::{self, Input},
    output::Output,
    psk::{self, Key},
    runtime::{Interrupt, Waited, block_on, give_way, interrupted},
    session::{Facts, Settings, dropped, receive, send, tell_certificate},
};

mod explain;
mod resumption;

/// How long a session may take to close.
const CLOSING: Duration = Duration::from_secs(2);

pub fn run(options: &Connect, output: &Output) -> Result<(), Failure> {
    let client = Client {
        options,
        output,
        settings: Settings::of(&options.protocol)?,
        authorities: files::authorities(options.ca_file.as_deref())?,
        certificate: files::credentials(&options.credentials)?,
        pre_shared: pre_shared(options)?,
        session: options.session.as_deref().map(Kept::open).transpose()?,
        file: options.file.as_deref().map(open).transpose()?,
        interrupt: Interrupt::catch(),
        heard: Cell::new(Instant::now()),
    };
    output.write_raw(options.raw);
    if options.insecure {
        output.warning(
            "--insecure: whoever answers is believed. Anyone between you and the server can read \
             and change everything that you exchange.",
        );
    }
    block_on(client.run())
}

struct Client<'a> {
    options: &'a Connect,
    output: &'a Output,
    settings: Settings<'a>,
    authorities: gio::TlsDatabase,
    certificate: Option<Certificate>,
    pre_shared: Option<(&'a str, Key)>,
    session: Option<Kept<'a>>,
    file: Option<(File, Option<u64>)>,
    interrupt: Interrupt,
    /// When the latest message came or went.
    heard: Cell<Instant>,
}

/// How a session came to its end.
enum End {
    AllSent,
    Enough,
    PeerClosed,
}

impl Client<'_> {
    async fn run(self) -> Result<(), Failure> {
        let connection = self.establish().await?;
        let result = self.exchange(&connection).await;
        let closing = connection.close_future(glib::Priority::DEFAULT);
        select(closing, glib::timeout_future(CLOSING)).await;
        if let Some(dropped) = dropped(&connection.statistics()) {
            self.output.note(&dropped);
        }
        self.output.totals()?;
        result
    }

    /// Tries one address of the host after the other.
    async fn establish(&self) -> Result<DtlsConnection, Failure> {
        let deadline = Instant::now() + self.options.timeout;
        let host = self.host();
        let addresses = gio::NetworkAddress::new(host, self.options.port).enumerate();
        let mut refused: Option<Failure> = None;
        let mut tried = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let address = match self.interrupt.within(left, addresses.next_future()).await {
                Waited::Done(Ok(Some(address))) => address,
                Waited::Done(Ok(None)) => {
                    let none = || Failure::new(Status::Network, format!("{host} has no address"));
                    let mut failure = refused.unwrap_or_else(none);
                    if tried > 1 {
                        failure.message += &format!("; all {tried} addresses of {host} were tried");
                    }
                    return Err(failure);
                }
                Waited::Done(Err(error)) => return Err(explain::resolving(host, &error)),
                Waited::TimedOut => return Err(no_answer(self.options, None)),
                Waited::Interrupted => return Err(interrupted()),
            };
            tried += 1;
            match self.shake_hands(&address, deadline).await {
                Err(failure) if failure.status == Status::Network && Instant::now() < deadline => {
                    refused.get_or_insert(failure);
                }
                result => return result,
            }
        }
    }

    async fn shake_hands(
        &self,
        address: &gio::SocketAddress,
        deadline: Instant,
    ) -> Result<DtlsConnection, Failure> {
        let place = place(address);
        let attempt = Attempt {
            options: self.options,
            place: &place,
        };
        let connection = self.prepare(address);
        let connection = connection.map_err(|error| explain(&attempt, None, &error))?;
        self.output.note(&format!("Connecting to {place} ..."));
        let left = deadline.saturating_duration_since(Instant::now());
        connection.set_handshake_timeout(Some(left + Duration::from_millis(1)));
        let handshake = connection.handshake_future(glib::Priority::DEFAULT);
        match self.interrupt.or(handshake).await {
            Waited::Done(Ok(())) => {
                Facts::of(&connection, &place).tell(self.output)?;
                if let Some(kept) = &self.session {
                    kept.keep(&connection, self.output)?;
                }
                Ok(connection)
            }
            Waited::Done(Err(error)) if error.matches(gio::IOErrorEnum::TimedOut) => {
                let failure = no_answer(self.options, Some(&place));
                Err(match connection.statistics().dropped_malformed {
                    0 => failure,
                    _ => failure.hint("something has come from there, but it is not DTLS"),
                })
            }
            Waited::Done(Err(error)) => {
                if let Some(certificate) = connection.peer_certificate() {
                    tell_certificate(self.output, &certificate);
                }
                Err(explain(&attempt, Some(&connection), &error))
            }
            Waited::TimedOut | Waited::Interrupted => Err(interrupted()),
        }
    }

    fn prepare(&self, address: &gio::SocketAddress) -> Result<DtlsConnection, glib::Error> {
        let family = address.family();
        let (kind, protocol) = (gio::SocketType::Datagram, gio::SocketProtocol::Udp);
        let socket = gio::Socket::new(family, kind, protocol)?;
        SocketExt::connect(&socket, address, gio::Cancellable::NONE)?;
        let identity = self.options.identity.as_deref().unwrap_or(self.host());
        let identity = gio::NetworkAddress::new(identity, self.options.port);

        let client = DtlsClientConnection::new(&socket, Some(&identity))?;
        client.set_database(Some(&self.authorities));
        if let Some(certificate) = &self.certificate {
            client.set_certificate(certificate);
        }
        if let Some((identity, key)) = &self.pre_shared {
            client.set_psk(identity, key)?;
        }
        if let Some(session) = self.session.as_ref().and_then(|it| it.earlier.as_ref()) {
            client.import_session(session)?;
        }
        if self.options.insecure {
            client.connect_accept_certificate(|_, _, _| true);
        }
        let connection: DtlsConnection = client.upcast();
        self.settings.apply(&connection);
        Ok(connection)
    }

    /// The host, without the brackets that an address of IPv6 may have.
    fn host(&self) -> &str {
        let host = self.options.host.as_str();
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_address = |inner: &&str| inner.parse::<Ipv6Addr>().is_ok();
        inner.filter(is_address).unwrap_or(host)
    }

    /// Sends and receives at the same time.
    async fn exchange(&self, connection: &DtlsConnection) -> Result<(), Failure> {
        let both = async {
            let sending = pin!(self.send_all(connection));
            let receiving = pin!(self.receive_all(connection));
            match select(sending, receiving).await {
                Either::Left((end, _)) | Either::Right((end, _)) => end,
            }
        };
        match self.interrupt.or(both).await {
            Waited::Done(Ok(End::PeerClosed)) => self.peer_closed(),
            Waited::Done(Ok(End::AllSent)) => self.missing().map_or(Ok(()), Err),
            Waited::Done(Ok(End::Enough)) | Waited::TimedOut | Waited::Interrupted => Ok(()),
            Waited::Done(Err(failure)) => Err(failure),
        }
    }

    fn peer_closed(&self) -> Result<(), Failure> {
        self.output.note("The server has closed the session");
        self.missing().map_or(Ok(()), Err)
    }

    /// Says that fewer messages than wanted have arrived.
    fn missing(&self) -> Option<Failure> {
        let (wanted, arrived) = (self.options.count?, self.output.received_messages());
        (arrived < wanted).then(|| {
            let text = format!("only {arrived} of {wanted} messages have arrived");
            Failure::new(Status::Network, text)
                .hint("--wait SECONDS waits longer; datagrams may also have been lost")
        })
    }

    async fn receive_all(&self, connection: &DtlsConnection) -> Result<End, Failure> {
        loop {
            let message = receive(connection)
                .await
                .map_err(|it| explain::broken(&it))?;
            let Some(message) = message else {
                return Ok(End::PeerClosed);
            };
            self.heard.set(Instant::now());
            self.output.message(&self.options.host, &message)?;
            if self.options.count == Some(self.output.received_messages()) {
                return Ok(End::Enough);
            }
            // Or nothing would be sent, and no signal heard, as long as there is something to receive.
            give_way().await;
        }
    }

    /// Sends everything, and then waits until it has been quiet for a while.
    async fn send_all(&self, connection: &DtlsConnection) -> Result<End, Failure> {
        let to_send = self.file.as_ref().and_then(|(_, length)| *length);
        let reads_lines = self.options.send.is_empty() && self.file.is_none();
        let interactive = reads_lines && std::io::stdin().is_terminal();
        self.output.go_live(to_send, interactive);

        for text in &self.options.send {
            self.send(connection, text.as_bytes()).await?;
        }
        if let Some((file, _)) = &self.file {
            self.send_file(connection, file).await?;
        }
        if reads_lines {
            let mut lines = Input::lines(self.options.newline);
            while let Some(line) = lines.next().await.map_err(|it| input::unreadable(&it))? {
                self.send(connection, &line).await?;
            }
        }
        self.heard.set(Instant::now());
        loop {
            let left = self.options.wait.saturating_sub(self.heard.get().elapsed());
            if left.is_zero() {
                return Ok(End::AllSent);
            }
            glib::timeout_future(left).await;
        }
    }

    async fn send_file(&self, connection: &DtlsConnection, file: &File) -> Result<(), Failure> {
        let unreadable = |error| explain::unreadable(self.options, &error);
        let file = file.try_clone().map_err(unreadable)?;
        let mut pieces = Input::pieces(file, self.options.size);
        while let Some(piece) = pieces.next().await.map_err(unreadable)? {
            self.send(connection, &piece).await?;
        }
        Ok(())
    }

    async fn send(&self, connection: &DtlsConnection, message: &[u8]) -> Result<(), Failure> {
        send(connection, message)
            .await
            .map_err(|error| explain::unsent(self.options, message.len(), &error))?;
        self.output.sent(message.len());
        // Or nothing would be received as long as there is something to send.
        give_way().await;
        Ok(())
    }
}

fn pre_shared(options: &Connect) -> Result<Option<(&str, Key)>, Failure> {
    match (&options.psk_identity, &options.psk_key_file) {
        (Some(identity), Some(file)) => Ok(Some((identity, psk::key(file)?))),
        _ => Ok(None),
    }
}

/// A file and its length, if that is known.
fn open(path: &Path) -> Result<(File, Option<u64>), Failure> {
    let file = File::open(path).and_then(|file| {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        let length = metadata.is_file().then_some(metadata.len());
        Ok((file, length))
    });
    file.map_err(|error| Failure::file(path.display(), error))
}

/// An address as people write it.
fn place(address: &gio::SocketAddress) -> String {
    match address.downcast_ref::<gio::InetSocketAddress>() {
        Some(inet) if inet.family() == gio::SocketFamily::Ipv6 => {
            format!("[{}]:{}", inet.address().to_str(), inet.port())
        }
        Some(inet) => format!("{}:{}", inet.address().to_str(), inet.port()),
        None => "an unknown address".into(),
    }
}
