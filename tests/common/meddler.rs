//! A base that hands everything to another one, counts the calls and fails when it is told to.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gio::{prelude::*, subclass::prelude::*};
use gio_ossl::subclass::{
    SharedRef,
    datagram_based::{
        DatagramBasedImpl, InputMessages, OutputMessages, base_source, receive_batch, send_batch,
    },
    impl_datagram_based,
};
use glib::IOCondition;

glib::wrapper! {
    /// Stands between a connection and its real base.
    pub struct Meddler(ObjectSubclass<imp::Meddler>)
        @implements gio::DatagramBased;
}

/// How often each function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    pub receive: usize,
    pub send: usize,
    pub check: usize,
    pub wait: usize,
}

impl Calls {
    pub fn sum(self) -> usize {
        self.receive + self.send + self.check + self.wait
    }
}

impl Meddler {
    pub fn new(inner: &impl IsA<gio::DatagramBased>) -> Self {
        let meddler: Self = glib::Object::new();
        let inner = SharedRef::new(inner.upcast_ref::<gio::DatagramBased>().clone());
        assert!(meddler.imp().inner.set(inner).is_ok());
        meddler
    }

    /// Counted since this was made.
    pub fn calls(&self) -> Calls {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        let imp = self.imp();
        Calls {
            receive: count(&imp.receives),
            send: count(&imp.sends),
            check: count(&imp.checks),
            wait: count(&imp.waits),
        }
    }

    /// Tells the time limit of each wait from now on, in the thread that is about to wait.
    pub fn on_wait(&self, hook: impl Fn(Option<Duration>) + Send + Sync + 'static) {
        assert!(self.imp().on_wait.set(Box::new(hook)).is_ok());
    }

    /// Fails one receive, after `successes` that pass.
    pub fn fail_receive(&self, successes: usize, error: glib::Error) {
        self.imp().receive_failures.push(successes, error);
    }

    /// Fails one send, after `successes` that pass.
    pub fn fail_send(&self, successes: usize, error: glib::Error) {
        self.imp().send_failures.push(successes, error);
    }
}

/// What hears of the waits.
type Hook = Box<dyn Fn(Option<Duration>) + Send + Sync>;

/// The failures to come.
#[derive(Default)]
pub struct Failures(Mutex<VecDeque<(usize, glib::Error)>>);

impl Failures {
    fn push(&self, successes: usize, error: glib::Error) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back((successes, error));
    }

    /// The failure of this call, if it is its turn.
    fn next(&self) -> Option<glib::Error> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.front_mut() {
            Some((0, _)) => failures.pop_front().map(|(_, error)| error),
            Some((successes, _)) => {
                *successes -= 1;
                None
            }
            None => None,
        }
    }

    fn is_due(&self) -> bool {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(failures.front(), Some((0, _)))
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Meddler {
        pub(super) inner: OnceLock<SharedRef<gio::DatagramBased>>,
        pub(super) receives: AtomicUsize,
        pub(super) sends: AtomicUsize,
        pub(super) checks: AtomicUsize,
        pub(super) waits: AtomicUsize,
        pub(super) receive_failures: Failures,
        pub(super) send_failures: Failures,
        pub(super) on_wait: OnceLock<Hook>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Meddler {
        const NAME: &'static str = "TestMeddler";
        type Type = super::Meddler;
        type Interfaces = (gio::DatagramBased,);
    }

    impl ObjectImpl for Meddler {}

    impl Meddler {
        fn inner(&self) -> &gio::DatagramBased {
            self.inner.get().expect("made with an inner base")
        }
    }

    impl DatagramBasedImpl for Meddler {
        fn receive_messages(
            &self,
            messages: &mut InputMessages<'_>,
            _flags: i32,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            const STRIDE: usize = 20_000;
            self.receives.fetch_add(1, Ordering::SeqCst);
            if let Some(error) = self.receive_failures.next() {
                return Err(error);
            }
            let mut arena = vec![0; STRIDE * messages.len()];
            let mut lengths = vec![0; messages.len()];
            let count = receive_batch(
                self.inner(),
                &mut arena,
                STRIDE,
                &mut lengths,
                timeout,
                cancellable,
            )?;
            let datagrams = arena.chunks(STRIDE).zip(&lengths).take(count);
            for (index, (datagram, length)) in datagrams.enumerate() {
                messages.scatter(index, &datagram[..*length]);
            }
            Ok(count)
        }

        fn send_messages(
            &self,
            messages: &mut OutputMessages<'_>,
            _flags: i32,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            self.sends.fetch_add(1, Ordering::SeqCst);
            if let Some(error) = self.send_failures.next() {
                return Err(error);
            }
            let mut arena = Vec::new();
            let mut ends = Vec::new();
            for index in 0..messages.len() {
                messages.gather(index, &mut arena);
                ends.push(arena.len());
            }
            let count = send_batch(self.inner(), &arena, 0, &ends, timeout, cancellable)?;
            for index in 0..count {
                messages.set_sent(index, messages.size(index));
            }
            Ok(count)
        }

        fn create_source(
            &self,
            condition: IOCondition,
            cancellable: Option<&gio::Cancellable>,
        ) -> glib::Source {
            base_source(self.inner(), condition, cancellable).expect("an inner source")
        }

        fn condition_check(&self, condition: IOCondition) -> IOCondition {
            self.checks.fetch_add(1, Ordering::SeqCst);
            let inner = self.inner().condition_check(condition);
            if self.receive_failures.is_due() {
                inner | (condition & IOCondition::IN) | IOCondition::ERR
            } else {
                inner
            }
        }

        fn condition_wait(
            &self,
            condition: IOCondition,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<(), glib::Error> {
            self.waits.fetch_add(1, Ordering::SeqCst);
            if let Some(hook) = self.on_wait.get() {
                hook(timeout);
            }
            if condition.contains(IOCondition::IN) && self.receive_failures.is_due() {
                return Ok(());
            }
            self.inner().condition_wait(condition, timeout, cancellable)
        }
    }

    impl_datagram_based!(Meddler);
}
