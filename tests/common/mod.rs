//! What the test programs share.

#![allow(dead_code)] // Each test program uses a part of it.
// What breaks here is a test that fails.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, SystemTime},
};

use gio::prelude::*;
use gio_ossl::{
    Certificate, DtlsClientConnection, DtlsServerConnection, FileDatabase,
    subclass::datagram_based::{receive_batch, send_batch},
};

use simnet::{Endpoint, SimNet};

pub mod again;
pub mod asynchronous;
pub mod calls;
pub mod meddler;
pub mod peers;
pub mod records;
pub mod simnet;
pub mod ways;

/// Whom the PKI's server certificates name.
pub const IDENTITY: &str = "server.example.com";

/// Longer than anything takes that works.
pub const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// Do not wait.
pub const NOW: Option<Duration> = Some(Duration::ZERO);

/// Lets lost handshake datagrams be repeated soon, in this whole process.
pub fn hurry() {
    gio_ossl::engine::testing::set_initial_timeout(Duration::from_millis(20));
}

/// A file of the throw-away PKI of `tests/interop/make-pki`.
pub fn pki_file(name: &str) -> PathBuf {
    static PKI: OnceLock<PathBuf> = OnceLock::new();
    PKI.get_or_init(pki_directory).join(name)
}

/// The PKI is made once for all test programs, and again when it gets old.
fn pki_directory() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pki");
    let age = fs::metadata(shared.join("garbage.pem"))
        .and_then(|file| file.modified())
        .map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
    if age.is_ok_and(|age| age < Duration::from_secs(3600)) {
        return shared;
    }
    let own = shared.with_extension(std::process::id().to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/make-pki");
    let status = Command::new(script).arg(&own).status().unwrap();
    assert!(status.success(), "make-pki failed");
    // Another program may be faster: then ours is as good.
    let _ = fs::remove_dir_all(&shared);
    match fs::rename(&own, &shared) {
        Ok(()) => shared,
        Err(_) => own,
    }
}

/// A certificate of the PKI with its key.
pub fn certificate(name: &str) -> Certificate {
    let read = |suffix| fs::read_to_string(pki_file(&format!("{name}.{suffix}"))).unwrap();
    Certificate::from_pem(&read("pem"), Some(&read("key"))).unwrap()
}

/// A database of one anchor of the PKI.
pub fn database(name: &str) -> FileDatabase {
    FileDatabase::new(pki_file(&format!("{name}.pem"))).unwrap()
}

/// A host name to expect.
pub fn identity(host: &str) -> gio::NetworkAddress {
    gio::NetworkAddress::new(host, 4433)
}

/// A client that trusts the PKI's anchor and expects [`IDENTITY`].
pub fn client(base: &impl IsA<gio::DatagramBased>) -> DtlsClientConnection {
    let client = DtlsClientConnection::new(base, Some(&identity(IDENTITY))).unwrap();
    client.set_database(Some(&database("ca")));
    client
}

/// A server with a certificate of the PKI.
pub fn server(base: &impl IsA<gio::DatagramBased>) -> DtlsServerConnection {
    server_with(base, "ecdsa")
}

/// A server with this certificate of the PKI.
pub fn server_with(base: &impl IsA<gio::DatagramBased>, name: &str) -> DtlsServerConnection {
    DtlsServerConnection::new(base, Some(&certificate(name))).unwrap()
}

/// Runs a future on a main context of its own, which is thread-default meanwhile.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let context = glib::MainContext::new();
    context
        .with_thread_default(|| context.block_on(future))
        .unwrap()
}

/// Iterates the thread-default main context until something holds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        glib::timeout_future(Duration::from_millis(1)).await;
    }
}

/// Both handshakes at once, on the thread-default main context: the client's result, the server's.
pub async fn handshakes(
    client: &impl IsA<gio::DtlsConnection>,
    server: &impl IsA<gio::DtlsConnection>,
) -> (Result<(), glib::Error>, Result<(), glib::Error>) {
    let server = server.handshake_future(glib::Priority::DEFAULT);
    let server = glib::spawn_future_local(server);
    let client = client.handshake_future(glib::Priority::DEFAULT).await;
    (client, server.await.unwrap())
}

/// A client and a server that have shaken hands over `net`.
pub async fn established(net: &SimNet) -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = net.pair();
    let (client, server) = (client(&near), server(&far));
    let (ours, theirs) = handshakes(&client, &server).await;
    ours.unwrap();
    theirs.unwrap();
    (client, server)
}

/// Runs a client in this thread and a server in another one over `net`.
pub fn in_threads<T>(
    net: &SimNet,
    as_client: impl FnOnce(Endpoint) -> T,
    as_server: impl FnOnce(Endpoint) + Send,
) -> T {
    let far = net.clone();
    thread::scope(|scope| {
        let server = scope.spawn(move || as_server(far.server()));
        let result = as_client(net.client());
        server.join().unwrap();
        result
    })
}

/// Sends one message.
pub fn send(
    from: &impl IsA<gio::DatagramBased>,
    message: &[u8],
    timeout: Option<Duration>,
) -> Result<(), glib::Error> {
    let count = send_batch(
        from.upcast_ref(),
        message,
        0,
        &[message.len()],
        timeout,
        None,
    )?;
    assert_eq!(count, 1);
    Ok(())
}

/// Receives one message; `None` is the end of the peer's.
pub fn receive(
    at: &impl IsA<gio::DatagramBased>,
    timeout: Option<Duration>,
) -> Result<Option<Vec<u8>>, glib::Error> {
    let mut arena = vec![0; 20_000];
    let size = arena.len();
    let mut lengths = [0];
    let count = receive_batch(
        at.upcast_ref(),
        &mut arena,
        size,
        &mut lengths,
        timeout,
        None,
    )?;
    arena.truncate(lengths[0]);
    Ok((count == 1).then_some(arena))
}

/// Receives up to `limit` messages with one call.
pub fn receive_many(
    at: &impl IsA<gio::DatagramBased>,
    limit: usize,
    timeout: Option<Duration>,
) -> Result<Vec<Vec<u8>>, glib::Error> {
    const STRIDE: usize = 2048;
    let mut arena = vec![0; STRIDE * limit];
    let mut lengths = vec![0; limit];
    let count = receive_batch(
        at.upcast_ref(),
        &mut arena,
        STRIDE,
        &mut lengths,
        timeout,
        None,
    )?;
    let slots = arena.chunks(STRIDE).zip(&lengths).take(count);
    Ok(slots
        .map(|(slot, length)| slot[..*length].to_vec())
        .collect())
}

/// The result is a failure with this code.
#[track_caller]
pub fn assert_fails<T>(
    result: Result<T, impl Into<glib::Error>>,
    code: impl glib::error::ErrorDomain + std::fmt::Debug,
) {
    match result {
        Ok(_) => panic!("succeeded instead of failing with {code:?}"),
        Err(error) => {
            let error = error.into();
            assert!(error.matches(code), "{error:?} is not {code:?}");
        }
    }
}
