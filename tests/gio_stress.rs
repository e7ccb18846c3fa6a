//! Thousands of handshakes with everything done to both ends at once, by four threads and in an
//! order that a seed decides: no crash, no hang, and nothing left over.
//!
//! `GIO_OSSL_STRESS_SEED` and `GIO_OSSL_STRESS_COUNT` choose where to begin and how many rounds to
//! run. Each round's seed is one more than that of the round before, so a round that failed is run
//! again, as far as the scheduling of threads allows, with its seed and a count of 1.
//!
//! Long, but one test: a round's plan, its four threads and its audit make sense only together.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)] // These are tests.

mod common;

use std::{
    cell::{Cell, RefCell},
    env,
    io::{self, Write},
    panic, process,
    rc::Rc,
    sync::{
        Barrier, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use common::{
    NOW, certificate, database, identity,
    simnet::{Direction, Endpoint, Fate, SimNet},
};
use gio::{IOErrorEnum, TlsError, prelude::*};
use gio_ossl::{
    DtlsClientConnection, DtlsConnection, DtlsServerConnection,
    subclass::{
        SharedRef,
        datagram_based::{receive_batch, send_batch},
    },
};
use glib::{ControlFlow, IOCondition};

const ROUNDS: u64 = 2_000;
const THREADS: usize = 4;
/// The thread that never blocks for ever, and in the end frees those that do.
const LIBERATOR: usize = THREADS - 1;
const ACTIONS: usize = 24;
/// Far longer than a round takes on a busy machine.
const STUCK: Duration = Duration::from_secs(60);
const SHORT: Option<Duration> = Some(Duration::from_micros(300));
const LARGEST: usize = 1_000;
const BOTH: IOCondition = IOCondition::IN.union(IOCondition::OUT);

/// The round that is running, and how many connections were established so far.
static SEED: AtomicU64 = AtomicU64::new(0);
static ESTABLISHED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn random_use_by_four_threads_neither_hangs_nor_leaks() {
    common::hurry();
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
    // One thread's failure would leave the others waiting, so it ends the whole program.
    panic::set_hook(Box::new(|panic| give_up(&panic.to_string())));
    let first = number("GIO_OSSL_STRESS_SEED", 1);
    let count = number("GIO_OSSL_STRESS_COUNT", ROUNDS);
    let (progress, watched) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                match watched.recv_timeout(STUCK) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => give_up("A round does not end"),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        for seed in first..first + count {
            SEED.store(seed, Ordering::Relaxed);
            run_round(seed);
            progress.send(()).unwrap();
        }
        drop(progress);
    });
    let established = ESTABLISHED.load(Ordering::Relaxed);
    println!("{established} of {count} rounds established a session");
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect(name))
}

fn give_up(reason: &str) {
    let seed = SEED.load(Ordering::Relaxed);
    // Not with a macro, whose output the test harness would keep for itself.
    let _ = writeln!(io::stderr(), "{reason}\nGIO_OSSL_STRESS_SEED={seed}");
    process::abort();
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }
}

/// Made once, and shared by all connections.
struct Credentials {
    server: SharedRef<gio::TlsCertificate>,
    client: SharedRef<gio::TlsCertificate>,
    anchors: SharedRef<gio::TlsDatabase>,
}

fn credentials() -> &'static Credentials {
    static CREDENTIALS: OnceLock<Credentials> = OnceLock::new();
    CREDENTIALS.get_or_init(|| Credentials {
        server: SharedRef::new(certificate("ecdsa").upcast()),
        client: SharedRef::new(certificate("client").upcast()),
        anchors: SharedRef::new(database("ca").upcast()),
    })
}

/// The client and the server.
type Ends = [DtlsConnection; 2];

fn run_round(seed: u64) {
    let mut random = Random(seed);
    let peaceful = random.one_in(2);
    let net = if peaceful || random.one_in(2) {
        SimNet::new()
    } else {
        untidy_net(random.next())
    };
    let (near, far) = net.pair();
    let ends = make_ends(&near, &far, peaceful, &mut random);
    let traces = Traces {
        connections: ends.each_ref().map(|end| end.downgrade().into()),
        bases: [near.downgrade(), far.downgrade()],
    };
    drop((near, far));
    let round = Round {
        net,
        peaceful,
        lifelines: Mutex::default(),
        settled: Barrier::new(THREADS),
    };
    thread::scope(|scope| {
        for index in 0..THREADS {
            let (round, ends, seed) = (&round, ends.clone(), random.next());
            scope.spawn(move || round.play(index, ends, seed));
        }
        // From here on the threads decide when the last reference goes.
        drop(ends);
    });
    assert_eq!(traces.survivors(), 0, "objects that nobody has any more");
}

/// Loses, doubles and delays, but garbles nothing: a handshake's first messages are not protected.
fn untidy_net(seed: u64) -> SimNet {
    let mut random = Random(seed);
    SimNet::scripted(move |_, _, _| match random.below(24) {
        0 => Fate::Drop,
        1 => Fate::Duplicate,
        2 => Fate::DelayPast(2),
        _ => Fate::Deliver,
    })
}

fn make_ends(near: &Endpoint, far: &Endpoint, peaceful: bool, random: &mut Random) -> Ends {
    let made = credentials();
    // Every so often, a client that the server's certificate does not convince.
    let host = if !peaceful && random.one_in(8) {
        "elsewhere.example"
    } else {
        common::IDENTITY
    };
    let client = DtlsClientConnection::new(near, Some(&identity(host))).unwrap();
    client.set_database(Some(&*made.anchors));
    client.set_certificate(&*made.client);
    client.connect_accept_certificate(|client, _, _| {
        let nested = client.handshake(gio::Cancellable::NONE);
        common::assert_fails(nested, IOErrorEnum::Failed);
        false
    });
    let server = DtlsServerConnection::new(far, Some(&*made.server)).unwrap();
    server.set_database(Some(&*made.anchors));
    if random.one_in(2) {
        server.set_authentication_mode(gio::TlsAuthenticationMode::Requested);
        server.connect_accept_certificate(|_, _, errors| errors.is_empty());
    }
    [client.upcast(), server.upcast()]
}

/// What must be gone after a round.
struct Traces {
    connections: [glib::SendWeakRef<DtlsConnection>; 2],
    bases: [glib::WeakRef<Endpoint>; 2],
}

impl Traces {
    fn survivors(&self) -> usize {
        let connections = self.connections.iter().filter_map(|it| it.upgrade());
        let bases = self.bases.iter().filter_map(|it| it.upgrade());
        connections.count() + bases.count()
    }
}

/// The cancellables of the calls that may otherwise block for ever.
#[derive(Default)]
struct Lifelines {
    cut: bool,
    all: Vec<gio::Cancellable>,
}

/// What the threads of one round share.
struct Round {
    net: SimNet,
    /// Nothing disturbs the handshake.
    peaceful: bool,
    lifelines: Mutex<Lifelines>,
    settled: Barrier,
}

impl Round {
    /// A cancellable that is triggered when the round ends, if not earlier.
    fn lifeline(&self) -> gio::Cancellable {
        let cancellable = gio::Cancellable::new();
        let mut lifelines = self.lifelines.lock().unwrap();
        lifelines.all.push(cancellable.clone());
        let cut = lifelines.cut;
        drop(lifelines);
        if cut {
            cancellable.cancel();
        }
        cancellable
    }

    fn some_lifeline(&self, random: &mut Random) -> Option<gio::Cancellable> {
        let lifelines = self.lifelines.lock().unwrap();
        let count = lifelines.all.len();
        (count > 0).then(|| lifelines.all[random.below(count)].clone())
    }

    fn cut_lifelines(&self) {
        let mut lifelines = self.lifelines.lock().unwrap();
        lifelines.cut = true;
        let all = lifelines.all.clone();
        drop(lifelines);
        all.iter().for_each(CancellableExt::cancel);
    }

    /// One thread's part, on a main context of its own.
    fn play(&self, index: usize, ends: Ends, seed: u64) {
        let context = glib::MainContext::new();
        let play = || {
            if self.peaceful {
                self.settle(index, &ends);
            }
            let mut player = Player {
                round: self,
                patient: index != LIBERATOR,
                random: Random(seed),
                ends: ends.map(Some),
                context: &context,
                sources: Vec::new(),
                pending: Rc::default(),
            };
            for _ in 0..ACTIONS {
                player.act();
            }
            if index == LIBERATOR {
                self.cut_lifelines();
            }
            player.finish();
        };
        context.with_thread_default(play).unwrap();
    }

    /// Two threads shake hands, while the others look.
    fn settle(&self, index: usize, ends: &Ends) {
        match ends.get(index) {
            Some(end) => end.handshake(gio::Cancellable::NONE).unwrap(),
            None => ends.iter().for_each(observe),
        }
        if index == 0 {
            ESTABLISHED.fetch_add(1, Ordering::Relaxed);
        }
        self.settled.wait();
        assert!(ends.iter().all(|end| end.ciphersuite_name().is_some()));
    }
}

/// Reads whatever can be read.
fn observe(end: &DtlsConnection) {
    // Not by GIO's own getters, which return what they hold no reference on: others write meanwhile.
    let _: Option<gio::TlsCertificate> = end.property("peer-certificate");
    let _: Option<gio::TlsCertificate> = end.property("certificate");
    let _: Option<gio::TlsDatabase> = end.property("database");
    let _ = (end.peer_certificate_errors(), end.base_socket());
    let _ = (end.ciphersuite_name(), end.protocol_version());
    let _ = (end.negotiated_protocol(), end.requires_close_notify());
    if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
        let _ = client.accepted_cas();
        let _: Option<gio::SocketConnectable> = client.property("server-identity");
    }
    let _ = end.condition_check(BOTH);
}

/// One thread of a round.
struct Player<'a> {
    round: &'a Round,
    /// Whether it may block for ever.
    patient: bool,
    random: Random,
    ends: [Option<DtlsConnection>; 2],
    context: &'a glib::MainContext,
    sources: Vec<glib::Source>,
    /// Asynchronous calls that have not completed.
    pending: Rc<Cell<usize>>,
}

impl Player<'_> {
    fn act(&mut self) {
        let index = self.random.below(2);
        let Some(end) = self.ends[index].clone() else {
            return;
        };
        match self.random.below(64) {
            0..=5 => self.handshake(&end),
            6..=11 => self.begin_handshake(&end),
            12..=22 => self.send(&end),
            23..=33 => self.receive(&end),
            34..=36 => self.wait(&end),
            37..=41 => self.watch(&end),
            42..=48 => self.iterate(),
            49..=51 => observe(&end),
            52 => self.configure(&end),
            53..=55 => self.cancel(),
            56 => self.disturb(),
            57..=59 => self.shut_down(&end),
            60..=61 => self.ends[index] = None,
            _ => drop(self.sources.pop()),
        }
        if self.random.one_in(4) {
            thread::yield_now();
        }
    }

    fn handshake(&mut self, end: &DtlsConnection) {
        if self.patient {
            let lifeline = self.round.lifeline();
            self.check(end.handshake(Some(&lifeline)));
        } else {
            let cancelled = gio::Cancellable::new();
            cancelled.cancel();
            check(end.handshake(Some(&cancelled)));
        }
    }

    fn begin_handshake(&mut self, end: &DtlsConnection) {
        let pending = self.pending.clone();
        pending.set(pending.get() + 1);
        let lifeline = self.round.lifeline();
        end.handshake_async(glib::Priority::DEFAULT, Some(&lifeline), move |result| {
            pending.set(pending.get() - 1);
            check(result);
        });
    }

    /// A time limit and the cancellable that goes with it.
    fn patience(&mut self) -> (Option<Duration>, Option<gio::Cancellable>) {
        match self.random.below(4) {
            0 | 1 => (NOW, None),
            2 if self.patient => (None, Some(self.round.lifeline())),
            _ => (SHORT, None),
        }
    }

    fn send(&mut self, end: &DtlsConnection) {
        let (timeout, cancellable) = self.patience();
        let (mut arena, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(4) {
            let length = 1 + self.random.below(LARGEST);
            arena.resize(arena.len() + length, length as u8);
            ends.push(arena.len());
        }
        let end = end.upcast_ref();
        self.check(send_batch(end, &arena, 0, &ends, timeout, cancellable.as_ref()).map(drop));
    }

    fn receive(&mut self, end: &DtlsConnection) {
        let (timeout, cancellable) = self.patience();
        let count = 1 + self.random.below(4);
        self.check(receive(end, count, timeout, cancellable.as_ref()));
    }

    fn wait(&mut self, end: &DtlsConnection) {
        let (timeout, cancellable) = self.patience();
        let condition = if self.random.one_in(2) {
            IOCondition::IN
        } else {
            BOTH
        };
        self.check(end.condition_wait(condition, timeout, cancellable.as_ref()));
    }

    fn watch(&mut self, end: &DtlsConnection) {
        let lifeline = self.random.one_in(2).then(|| self.round.lifeline());
        let mut left = self.random.below(4);
        let random = RefCell::new(Random(self.random.next()));
        let (priority, cancellable) = (glib::Priority::DEFAULT, lifeline.as_ref());
        let source = end.create_source(BOTH, cancellable, None, priority, move |end, _| {
            let random = &mut *random.borrow_mut();
            if random.one_in(2) {
                let end: &DtlsConnection = end.downcast_ref().unwrap();
                check(receive(end, 1, NOW, None));
            }
            if left == 0 {
                return ControlFlow::Break;
            }
            left -= 1;
            ControlFlow::Continue
        });
        source.attach(Some(self.context));
        self.sources.push(source);
    }

    fn iterate(&mut self) {
        for _ in 0..self.random.below(8) {
            self.context.iteration(false);
        }
    }

    fn configure(&mut self, end: &DtlsConnection) {
        end.set_advertised_protocols(&["one", "two"]);
        end.set_require_close_notify(self.random.one_in(2));
        end.set_database(Some(&*credentials().anchors));
        if let Some(client) = end.downcast_ref::<DtlsClientConnection>() {
            client.set_server_identity(&identity(common::IDENTITY));
        }
    }

    fn cancel(&mut self) {
        if let Some(cancellable) = self.round.some_lifeline(&mut self.random) {
            cancellable.cancel();
        }
    }

    fn disturb(&mut self) {
        let direction = Direction::BOTH[self.random.below(2)];
        match self.random.below(8) {
            0..=2 => self.round.net.inject(direction, b""),
            3..=5 => self.round.net.inject(direction, &[0x17; 40]),
            _ => {
                let blocked = self.random.one_in(2);
                self.round.net.block(direction, blocked);
            }
        }
    }

    fn shut_down(&mut self, end: &DtlsConnection) {
        let none = gio::Cancellable::NONE;
        match self.random.below(6) {
            0 => check(end.shutdown(true, false, none)),
            1 => check(end.shutdown(false, true, none)),
            2 => {
                let lifeline = self.round.lifeline();
                check(end.close(Some(&lifeline)));
            }
            3 => {
                let pending = self.pending.clone();
                pending.set(pending.get() + 1);
                end.close_async(glib::Priority::DEFAULT, none, move |result| {
                    pending.set(pending.get() - 1);
                    check(result);
                });
            }
            _ => check(end.close(none)),
        }
    }

    /// As [`check`]; and a call may not block while an asynchronous handshake waits for this thread.
    #[track_caller]
    fn check(&self, result: Result<(), glib::Error>) {
        match result {
            Err(error) if self.pending.get() > 0 && error.matches(IOErrorEnum::Failed) => {}
            result => check(result),
        }
    }

    /// Lets go of everything, in some order. Asynchronous calls complete first: their promise keeps
    /// the main context alive.
    fn finish(mut self) {
        if self.random.one_in(2) {
            self.ends = [None, None];
        }
        while self.pending.get() > 0 {
            self.context.iteration(true);
        }
        while self.random.below(self.sources.len() + 1) > 0 {
            if let Some(source) = self.sources.pop() {
                source.destroy();
            }
        }
    }
}

/// Messages are all of one byte, which their length gives.
fn receive(
    end: &DtlsConnection,
    count: usize,
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
) -> Result<(), glib::Error> {
    let mut arena = vec![0; count * LARGEST];
    let mut lengths = vec![0; count];
    let end = end.upcast_ref();
    let received = receive_batch(end, &mut arena, LARGEST, &mut lengths, timeout, cancellable)?;
    for (slot, length) in arena.chunks(LARGEST).zip(lengths).take(received) {
        assert!(slot[..length].iter().all(|byte| *byte == length as u8));
    }
    Ok(())
}

/// Success, or one of the failures that what the threads do explains.
#[track_caller]
fn check(result: Result<(), glib::Error>) {
    const EXPLAINED: [IOErrorEnum; 5] = [
        IOErrorEnum::Cancelled,
        IOErrorEnum::Closed,
        IOErrorEnum::Pending,
        IOErrorEnum::TimedOut,
        IOErrorEnum::WouldBlock,
    ];
    if let Err(error) = result {
        let explained = error.matches(TlsError::BadCertificate)
            || EXPLAINED.iter().any(|code| error.matches(*code));
        assert!(explained, "{error:?}");
    }
}
