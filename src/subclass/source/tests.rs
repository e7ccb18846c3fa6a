//! Sources on a context of their own, run one iteration at a time.

use std::{
    slice,
    sync::{
        Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use glib::MainContext;

use super::*;
use crate::subclass::test_class::TestBase;

unsafe extern "C" {
    fn g_source_set_closure(source: *mut ffi::GSource, closure: *mut gobject_ffi::GClosure);
}

/// Does what the test wants, and counts how often.
pub(super) struct Probe<F> {
    runs: Arc<AtomicUsize>,
    body: F,
}

impl<F> Probe<F>
where
    F: FnMut(&Running<'_>) + Send + 'static,
{
    pub(super) fn new(body: F) -> (Self, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        (Self { runs, body }, counted)
    }
}

impl<F> SourceImpl for Probe<F>
where
    F: FnMut(&Running<'_>) + Send + 'static,
{
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        self.runs.fetch_add(1, Ordering::Relaxed);
        (self.body)(source);
        callback(IOCondition::IN)
    }
}

/// Nothing in the context is ready afterwards.
pub(super) fn iterate(context: &MainContext) {
    assert!((0..100).any(|_| !context.iteration(false)));
}

pub(super) fn count(runs: &AtomicUsize) -> usize {
    runs.load(Ordering::Relaxed)
}

fn on(alarm: &Arc<Alarm>) -> Causes<'_> {
    Causes {
        alarms: slice::from_ref(alarm),
        base: None,
    }
}

fn ready_time(source: &Running<'_>) -> i64 {
    // SAFETY: the source is alive.
    unsafe { ffi::g_source_get_ready_time(source.source) }
}

#[test]
fn new_source_dispatches_once() {
    let context = MainContext::new();
    let (probe, runs) = Probe::new(|_| {});
    let source = worker_source("test", probe, Causes::default());
    source.attach(Some(&context));
    assert_eq!(source.name().as_deref(), Some("test"));
    iterate(&context);
    assert_eq!(count(&runs), 1);
    source.destroy();
}

#[test]
fn source_dispatches_again_when_its_dispatch_asks_for_it() {
    let context = MainContext::new();
    let mut left = 3;
    let (probe, runs) = Probe::new(move |source| {
        left -= 1;
        if left > 0 {
            source.again();
        }
    });
    let source = worker_source("test", probe, Causes::default());
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(count(&runs), 3);
    source.destroy();
}

#[test]
fn ready_time_fires_once_and_may_be_set_again_by_the_dispatch() {
    let context = MainContext::new();
    let mut delay = Some(Duration::from_millis(20));
    let (probe, runs) = Probe::new(move |source| {
        assert_eq!(ready_time(source), -1);
        source.set_ready_time(delay.take());
    });
    let source = worker_source("test", probe, Causes::default());
    source.attach(Some(&context));
    let start = Instant::now();
    while count(&runs) < 2 {
        context.iteration(true);
    }
    assert!(start.elapsed() >= Duration::from_millis(19));
    iterate(&context);
    assert_eq!(count(&runs), 2);
    source.destroy();
}

#[test]
fn alarm_wakes_a_polling_context_from_another_thread() {
    let context = MainContext::new();
    let alarm = Arc::new(Alarm::new());
    let (probe, runs) = Probe::new(|_| {});
    let source = worker_source("test", probe, on(&alarm));
    source.attach(Some(&context));
    for round in 1..=3 {
        iterate(&context);
        assert_eq!(count(&runs), round);
        let alarm = alarm.clone();
        let ringer = thread::spawn(move || alarm.ring());
        while count(&runs) == round {
            context.iteration(true);
        }
        ringer.join().unwrap();
    }
    source.destroy();
}

#[test]
fn ring_before_the_context_has_seen_the_source_asks_for_no_second_dispatch() {
    let context = MainContext::new();
    let alarm = Arc::new(Alarm::new());
    let (probe, runs) = Probe::new(|_| {});
    let source = worker_source("test", probe, on(&alarm));
    alarm.ring();
    source.attach(Some(&context));
    alarm.ring();
    iterate(&context);
    assert_eq!(count(&runs), 1);
    source.destroy();
}

#[test]
fn ring_during_the_dispatch_leads_to_another() {
    let context = MainContext::new();
    let alarm = Arc::new(Alarm::new());
    let mut rings = 2;
    let ringing = alarm.clone();
    let (probe, runs) = Probe::new(move |_| {
        if rings > 0 {
            rings -= 1;
            let alarm = ringing.clone();
            thread::spawn(move || alarm.ring()).join().unwrap();
        }
    });
    let source = worker_source("test", probe, on(&alarm));
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(count(&runs), 3);
    source.destroy();
}

/// Rings in another thread while `body` runs.
fn ringing(alarm: &Arc<Alarm>, body: impl FnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let ringer = thread::spawn({
        let (alarm, stop) = (alarm.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                alarm.ring();
            }
        }
    });
    body();
    stop.store(true, Ordering::Relaxed);
    ringer.join().unwrap();
}

#[test]
fn alarm_may_ring_while_sources_end_in_another_thread() {
    let alarm = Arc::new(Alarm::new());
    let context = MainContext::new();
    ringing(&alarm, || {
        let alive: Vec<Weak<AtomicUsize>> = (0..2000)
            .map(|_| {
                let (probe, runs) = Probe::new(|_| {});
                let source = worker_source("test", probe, on(&alarm));
                source.attach(Some(&context));
                context.iteration(false);
                source.destroy();
                Arc::downgrade(&runs)
            })
            .collect();
        assert!(alive.iter().all(|weak| weak.strong_count() == 0));
    });
}

#[test]
fn alarm_may_ring_while_contexts_end_in_another_thread() {
    let alarm = Arc::new(Alarm::new());
    ringing(&alarm, || {
        let outlived: Vec<glib::Source> = (0..2000)
            .map(|_| {
                let context = MainContext::new();
                let (probe, _) = Probe::new(|_| {});
                let source = worker_source("test", probe, on(&alarm));
                source.attach(Some(&context));
                context.iteration(false);
                source
            })
            .collect();
        assert!(outlived.iter().all(glib::Source::is_destroyed));
        // In a thread that has run none of the contexts.
        thread::spawn(move || drop(outlived)).join().unwrap();
    });
    assert_eq!(Arc::strong_count(&alarm), 1);
}

#[test]
fn finalized_source_drops_what_it_owns() {
    let base = TestBase::new();
    let alive = base.downgrade();
    let alarm = Arc::new(Alarm::new());
    let (probe, counted) = Probe::new(|_| {});
    let runs = Arc::downgrade(&counted);
    drop(counted);
    let source = datagram_source(base.upcast_ref(), "test", probe, on(&alarm));
    drop(base);
    assert!(alive.upgrade().is_some());
    drop(source);
    assert!(alive.upgrade().is_none());
    assert_eq!(runs.strong_count(), 0);
    assert_eq!(Arc::strong_count(&alarm), 1);
    alarm.ring();
}

#[test]
fn closure_gets_the_object_and_the_condition() {
    let context = MainContext::new();
    let base = TestBase::new();
    let object = base.clone();
    let (probe, _) = Probe::new(move |source| {
        assert_eq!(source.object(), Some(object.upcast_ref()));
    });
    let source = datagram_source(base.upcast_ref(), "test", probe, Causes::default());
    let seen = Arc::new(AtomicUsize::new(0));
    let closure = glib::RustClosure::new({
        let seen = seen.clone();
        move |arguments| {
            assert!(arguments[0].get::<TestBase>().is_ok());
            let condition: IOCondition = arguments[1].get().unwrap();
            seen.store(condition.bits() as usize, Ordering::Relaxed);
            Some(true.to_value())
        }
    });
    let closure: &glib::Closure = closure.as_ref();
    // SAFETY: the source and the closure are alive; the source takes its own reference.
    unsafe {
        g_source_set_closure(source.to_glib_none().0, closure.to_glib_none().0);
    }
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(count(&seen), IOCondition::IN.bits() as usize);
    source.destroy();
}

#[test]
fn panic_in_dispatch_ends_the_source() {
    let context = MainContext::new();
    let (probe, _) = Probe::new(|_| panic!("deliberate"));
    let source = worker_source("test", probe, Causes::default());
    source.attach(Some(&context));
    iterate(&context);
    assert!(source.is_destroyed());
}

/// What a dispatch that runs its context finds there, the application having allowed recursion or not.
fn nested(recursion: bool, during: impl Fn(&Running<'_>, &MainContext) + Send + 'static) {
    let context = MainContext::new();
    let mut first = true;
    let (probe, runs) = Probe::new({
        let context = context.clone();
        move |source| {
            if std::mem::take(&mut first) {
                during(source, &context);
            }
        }
    });
    let source = worker_source("test", probe, Causes::default());
    // SAFETY: the source is alive.
    unsafe { ffi::g_source_set_can_recurse(source.to_glib_none().0, recursion.into_glib()) };
    source.attach(Some(&context));
    context.iteration(false);
    assert_eq!(count(&runs), 1);
    iterate(&context);
    assert_eq!(count(&runs), 2);
    source.destroy();
}

#[test]
fn dispatch_is_not_entered_again_and_what_has_come_up_is_put_off() {
    for recursion in [false, true] {
        nested(recursion, |source, context| {
            source.again();
            assert!(!context.iteration(false));
        });
        nested(recursion, |source, context| {
            source.set_ready_time(Some(Duration::ZERO));
            iterate(context);
            assert!(!context.pending());
        });
    }
}
