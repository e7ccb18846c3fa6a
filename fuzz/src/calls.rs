//! Two connections over a network of the process, and calls in the order that the input says. None of them
//! may wait: there is only one thread.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use gio::{IOErrorEnum, TlsCertificateFlags as Flags, TlsError};
use gio_ossl::{
    Certificate, DtlsClientConnection, DtlsConnection, DtlsServerConnection, prelude::*,
};
use glib::{ControlFlow, IOCondition, JoinHandle, object::ObjectExt};

use crate::{
    common::simnet::{Direction, SimNet},
    ends::{IDENTITY, KEY, credentials},
    pki::Issued,
    play::{MOST_OPERATIONS, perform, settle},
    script::Script,
};

const NOW: Option<Duration> = Some(Duration::ZERO);
const NONE: Option<&gio::Cancellable> = None;
const PRIORITY: glib::Priority = glib::Priority::DEFAULT;
const LONGEST: usize = 20_000;

/// A first byte for what the connections are, and then a byte for each call, with what it takes.
pub fn calls(data: &[u8]) {
    perform(data, |script, context| {
        let mut play = Play::new(script.byte(), context);
        for _ in 0..MOST_OPERATIONS {
            let Some(operation) = script.next() else {
                break;
            };
            play.act(operation, script);
        }
        play.finish()
    });
}

#[derive(Clone)]
struct Certificates {
    server: Certificate,
    client: Certificate,
}

fn certificates() -> Certificates {
    thread_local! {
        static MADE: Certificates = Certificates {
            server: certificate(&credentials().server),
            client: certificate(&credentials().client),
        };
    }
    MADE.with(Certificates::clone)
}

fn certificate(it: &Issued) -> Certificate {
    Certificate::from_pem(&it.certificate_pem(), Some(&it.key_pem())).expect("a certificate")
}

struct Play<'a> {
    context: &'a glib::MainContext,
    /// Not that of any other input: what they did must not matter.
    host: gio::NetworkAddress,
    choice: u8,
    net: SimNet,
    ends: [Option<DtlsConnection>; 2],
    cancellable: gio::Cancellable,
    sources: Vec<glib::Source>,
    futures: Vec<JoinHandle<()>>,
    /// Asynchronous calls that have not called back.
    pending: Rc<Cell<usize>>,
    /// Messages that were sent in either direction and not received, and the number of the next.
    said: Said,
    number: u32,
    session: Option<glib::Bytes>,
    gone: Vec<glib::WeakRef<DtlsConnection>>,
}

type Said = Rc<[RefCell<HashSet<Vec<u8>>>; 2]>;

impl<'a> Play<'a> {
    fn new(choice: u8, context: &'a glib::MainContext) -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let host = format!("{}.example", COUNT.fetch_add(1, Ordering::Relaxed));
        let host = gio::NetworkAddress::new(&host, 4433);
        let net = SimNet::new();
        let mut play = Self {
            context,
            choice,
            ends: connections(choice, &net, &host),
            host,
            net,
            cancellable: gio::Cancellable::new(),
            sources: Vec::new(),
            futures: Vec::new(),
            pending: Rc::default(),
            said: Rc::default(),
            number: 0,
            session: None,
            gone: Vec::new(),
        };
        play.remember();
        play
    }

    fn remember(&mut self) {
        let ends = self.ends.iter().flatten();
        self.gone.extend(ends.map(ObjectExt::downgrade));
    }

    /// The operation's highest bit is whose turn it is.
    fn act(&mut self, operation: u8, script: &mut Script<'_>) {
        let index = usize::from(operation >> 7);
        let direction = Direction::BOTH[index];
        match operation & 0x1f {
            0 => self.iterate(script.byte().into()),
            1 => self.net.inject(direction, script.bytes()),
            2 => self.net.block(direction, script.byte() & 1 == 0),
            3 => self.net.end(direction),
            4 => self.cancellable.cancel(),
            5 => self.cancellable = gio::Cancellable::new(),
            6 => drop(self.sources.pop()),
            7 => self.sources.pop().into_iter().for_each(|it| it.destroy()),
            8 => self.futures.pop().into_iter().for_each(|it| it.abort()),
            9 => self.ends[index] = None,
            10 => self.renew(),
            _ => {
                if let Some(end) = self.ends[index].clone() {
                    self.call(operation & 0x1f, index, &end, script);
                }
            }
        }
    }

    fn call(&mut self, call: u8, index: usize, end: &DtlsConnection, script: &mut Script<'_>) {
        let cancellable = self.cancellable.clone();
        let cancellable = Some(&cancellable).filter(|_| script.byte() & 1 == 1);
        match call {
            11 | 12 => {
                let done = self.expect_call();
                end.handshake_async(PRIORITY, cancellable, done);
            }
            13 => {
                let cancelled = gio::Cancellable::new();
                cancelled.cancel();
                check(end.handshake(Some(&cancelled)));
            }
            14..=16 => {
                let message = self.message(index, script);
                check(end.send(&message, NOW, cancellable));
            }
            17..=19 => self.receive(index, end, cancellable, script),
            20 => {
                let message = glib::Bytes::from_owned(self.message(index, script));
                let end = end.clone();
                self.spawn(async move { check(end.send_bytes_future(&message, PRIORITY).await) });
            }
            21 => {
                let (end, said) = (end.clone(), self.said.clone());
                self.spawn(async move {
                    let received = end.receive_bytes_future(LONGEST, PRIORITY).await;
                    heard(&said, index, received.map(|it| it.into_iter().collect()));
                });
            }
            22 => self.watch(end, cancellable, script.byte()),
            23 => check(end.condition_wait(IOCondition::IN, NOW, cancellable)),
            24 => self.observe(end),
            25 => configure(end, script),
            26 => {
                let (read, write) = (script.byte() & 1 == 1, script.byte() & 1 == 1);
                check(end.shutdown(read, write, cancellable));
            }
            27 => check(end.close(cancellable)),
            28 => end.close_async(PRIORITY, cancellable, self.expect_call()),
            // SAFETY: what a disposed connection is asked, it answers with an error at worst.
            29 => unsafe { end.run_dispose() },
            30 => self.export(end),
            _ => {
                if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
                    check(client.import_session(script.bytes()));
                }
            }
        }
    }

    /// What an asynchronous call calls back.
    fn expect_call(&self) -> impl FnOnce(Result<(), glib::Error>) + 'static {
        let pending = self.pending.clone();
        pending.set(pending.get() + 1);
        move |result| {
            pending.set(pending.get() - 1);
            check(result);
        }
    }

    fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        self.futures.push(self.context.spawn_local(future));
    }

    fn iterate(&self, times: usize) {
        for _ in 0..times {
            self.context.iteration(false);
        }
    }

    /// A message that no other is like.
    fn message(&mut self, index: usize, script: &mut Script<'_>) -> Vec<u8> {
        let mut message = self.number.to_be_bytes().to_vec();
        message.resize(4 + script.below(LONGEST), self.number as u8);
        self.number += 1;
        self.said[index].borrow_mut().insert(message.clone());
        message
    }

    fn receive(
        &self,
        index: usize,
        end: &DtlsConnection,
        cancellable: Option<&gio::Cancellable>,
        script: &mut Script<'_>,
    ) {
        let most = 1 + usize::from(script.byte() % 4);
        heard(
            &self.said,
            index,
            end.receive_many(most, LONGEST, NOW, cancellable),
        );
    }

    /// A source whose callback may do something, too.
    fn watch(&mut self, end: &DtlsConnection, cancellable: Option<&gio::Cancellable>, choice: u8) {
        let condition = IOCondition::from_bits_truncate(u32::from(choice) & 5);
        let left = Cell::new(choice >> 6);
        let does_something = choice & 0x20 != 0;
        let source = end.create_source(condition, cancellable, None, PRIORITY, move |end, _| {
            if does_something {
                let end: &DtlsConnection = end.downcast_ref().expect("a connection");
                check(end.send(&[], NOW, NONE));
                check(end.condition_wait(IOCondition::IN, NOW, NONE));
            }
            if left.get() == 0 {
                return ControlFlow::Break;
            }
            left.set(left.get() - 1);
            ControlFlow::Continue
        });
        source.attach(Some(self.context));
        self.sources.push(source);
    }

    fn observe(&self, end: &DtlsConnection) {
        for spec in end.list_properties() {
            if spec.flags().contains(glib::ParamFlags::READABLE) {
                end.property_value(spec.name());
            }
        }
        assert!(!end.description().is_empty());
        let _ = (end.statistics(), end.condition_check(IOCondition::all()));
        check(end.export_keying_material("EXPORTER fuzz", None, 32));
        check(end.export_srtp_keys());
    }

    fn export(&mut self, end: &DtlsConnection) {
        if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
            let session = client.export_session();
            self.session = session.as_ref().ok().cloned().or(self.session.take());
            check(session);
        }
    }

    /// Two new connections over a new network; the client is given the session that was exported.
    fn renew(&mut self) {
        self.net = SimNet::new();
        self.ends = connections(self.choice, &self.net, &self.host);
        self.remember();
        if let (Some(client), Some(session)) = (&self.ends[0], &self.session) {
            let client: &DtlsClientConnection = client.downcast_ref().expect("a client");
            client
                .import_session(session)
                .expect("a session that was exported");
        }
    }

    /// Calls that have not called back do so when they are cancelled or the connection is closed. Returns
    /// what must be gone when the context is, with the sources that it still has.
    fn finish(mut self) -> Vec<glib::WeakRef<DtlsConnection>> {
        // Those as well that only their own calls keep.
        for end in self.gone.iter().filter_map(glib::WeakRef::upgrade) {
            end.close_async(PRIORITY, NONE, self.expect_call());
        }
        self.futures.iter().for_each(JoinHandle::abort);
        self.sources.iter().for_each(glib::Source::destroy);
        self.sources.clear();
        self.ends = [None, None];
        self.cancellable.cancel();
        settle(self.context, &self.pending);
        self.futures.clear();
        self.iterate(8);
        self.gone
    }
}

fn connections(
    choice: u8,
    net: &SimNet,
    host: &gio::NetworkAddress,
) -> [Option<DtlsConnection>; 2] {
    let (near, far) = net.pair();
    let client = DtlsClientConnection::new(&near, Some(host)).expect("a client");
    let has_keys = choice & 2 != 0;
    let certificate = (!has_keys || choice & 4 != 0).then(|| certificates().server);
    let server = DtlsServerConnection::new(&far, certificate.as_ref()).expect("a server");
    let is_tolerant = choice & 1 == 0;
    for end in [client.upcast_ref::<DtlsConnection>(), server.upcast_ref()] {
        end.set_database(None::<&gio::TlsDatabase>);
        end.connect_accept_certificate(move |_, _, _| is_tolerant);
        if choice & 8 != 0 {
            end.set_srtp_profiles(&["SRTP_AEAD_AES_128_GCM"]);
            end.set_advertised_protocols(&["coap"]);
            end.connect_keylog(|_, line| assert!(!line.is_empty()));
        }
    }
    if has_keys {
        client.set_psk(IDENTITY, KEY).expect("a key");
        server.connect_psk_lookup(|_, identity| {
            (identity == IDENTITY).then(|| glib::Bytes::from_static(KEY))
        });
    }
    if choice & 16 != 0 {
        client.set_certificate(&certificates().client);
        server.set_authentication_mode(gio::TlsAuthenticationMode::Required);
    }
    [Some(client.upcast()), Some(server.upcast())]
}

fn configure(end: &DtlsConnection, script: &mut Script<'_>) {
    match script.byte() % 8 {
        0 => end.set_require_close_notify(script.byte() & 1 == 1),
        1 => end.set_mtu(256 + script.below(1 << 14) as u32),
        2 => end.set_handshake_timeout(Some(Duration::from_millis(script.byte().into()))),
        3 => end.set_session_resumption(script.byte() & 1 == 1),
        4 => end.set_certificate(&certificates().client),
        5 => end.set_advertised_protocols(&["one", "two"]),
        6 => {
            if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
                let flags = Flags::from_bits_truncate(script.byte().into());
                client.set_property("validation-flags", flags);
                check(client.set_psk(&String::from_utf8_lossy(script.bytes()), script.bytes()));
            }
        }
        _ => {
            let _ = end.protocol_version();
        }
    }
}

/// What arrives was said by the other side, and arrives once.
fn heard(said: &Said, index: usize, received: Result<Vec<glib::Bytes>, glib::Error>) {
    for message in received.as_ref().into_iter().flatten() {
        let is_new = said[1 - index].borrow_mut().remove(&**message);
        assert!(is_new, "a message that was sent and not received before");
    }
    check(received);
}

/// Success, or a failure that says what it is.
#[track_caller]
fn check<T>(result: Result<T, glib::Error>) {
    if let Err(error) = result {
        assert!(!error.message().is_empty());
        let is_known = error.is::<IOErrorEnum>() || error.is::<TlsError>();
        assert!(is_known, "{error:?}");
        assert!(!error.message().contains("internal"), "{error:?}");
    }
}
